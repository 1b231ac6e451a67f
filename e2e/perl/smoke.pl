# The application's life with one case through DBI: smoke.pl DRIVER HOST PORT USER PASSWORD DATABASE PREPARED
#
# DRIVER is mysql or MariaDB; PREPARED is 1 for statements that the server prepares. Dies when an answer is not what the
# server would have given.
use strict;
use warnings;
use utf8;
use DBI qw(:sql_types);

binmode(STDERR, ':utf8');
my ($driver, $host, $port, $user, $password, $database, $prepared) = @ARGV;

sub expect {
    my ($what, $got, $want) = @_;
    my ($g, $w) = map { join '|', map { defined $_ ? $_ : 'NULL' } @$_ } $got, $want;
    die "$what: got $g, want $w\n" if $g ne $w;
}

my %options = (RaiseError => 1, PrintError => 0, AutoCommit => 1, lc($driver) . "_server_prepare" => $prepared);
$options{mysql_enable_utf8mb4} = 1 if $driver eq 'mysql';
my $db = DBI->connect("DBI:$driver:database=$database;host=$host;port=$port", $user, $password, \%options);
my ($id, $owner, $name) = ("smoke-perl-$driver-$prepared", '00000001-0091-7031-86bb-000000000001', "Seán \\ \"O'Brien\" 😀");

my $count = $db->do('INSERT INTO cases (case_id, user_id, patient_first, patient_last, ins_provider, patient_dob) VALUES (?, ?, ?, ?, ?, ?)',
    undef, $id, $owner, $name, undef, '', '1984-02-09');
expect('inserted', [$count, $db->last_insert_id(undef, undef, 'cases', undef) > 0], [1, 1]);

my $select = $db->prepare('SELECT patient_first, patient_last, ins_provider, patient_dob, phi_encrypted FROM cases WHERE case_id = ?');
$select->execute($id);
expect('types', [@{$select->{TYPE}}[0, 3]], [SQL_VARCHAR, SQL_DATE]);
expect('row', $select->fetchrow_arrayref, [$name, undef, '', '1984-02-09', 0]);
expect('rows', [$select->rows, scalar @{$select->fetchall_arrayref}], [1, 0]);

my $update = $db->prepare('UPDATE cases SET patient_first = ?, patient_dob = ? WHERE case_id = ?');
expect('updated', [$update->execute('Jo', '2000-02-29', $id)], [1]);
for my $bad (['x' x 251, '2000-02-29', 1406], ['Jo', '2000-02-30', 1292]) {
    my $done = eval { $update->execute(@$bad[0, 1], $id); 1 };
    expect('error', [$done, $db->err], [undef, $bad->[2]]);
}

$db->begin_work;
$update->execute('Undone', '1999-01-01', $id);
$db->rollback;
expect('rolled back', [$db->selectrow_array('SELECT patient_first, patient_dob FROM cases WHERE case_id = ?', undef, $id)], ['Jo', '2000-02-29']);

my $hash = $db->selectall_hashref('SELECT case_id, patient_first FROM cases WHERE case_id = ?', 'case_id', undef, $id);
expect('hash', [$hash->{$id}{patient_first}], ['Jo']);
expect('column', [$db->column_info(undef, undef, 'cases', 'patient_dob')->fetchrow_hashref->{TYPE_NAME}], ['DATE']);
expect('deleted', [$db->do('DELETE FROM cases WHERE case_id = ?', undef, $id)], [1]);
expect('ping', [$db->ping ? 1 : 0], [1]);
$db->disconnect;
