-- The proxy's own account: it keeps keys and audit records in the application's database, and reads the schema.
CREATE USER 'phiproxy'@'%' IDENTIFIED BY 'phiproxy';
GRANT ALL ON surgicase.* TO 'phiproxy'@'%';
