-- The proxy's own account: it keeps keys and audit records in the application's database, reads the schema, and looks for
-- views, routines and triggers everywhere that could read protected tables behind its back.
CREATE USER 'phiproxy'@'%' IDENTIFIED BY 'phiproxy';
GRANT ALL ON surgicase.* TO 'phiproxy'@'%';
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO 'phiproxy'@'%';
