<?php
// The application's life with one case through PHP: smoke.php KIND HOST PORT USER PASSWORD DATABASE
// KIND is mysqli, pdo (statements that the driver emulates) or pdo-prepared. An uncaught exception ends it with exit code 255.
declare(strict_types=1);

const OWNER = '00000001-0091-7031-86bb-000000000001';
const NAME = "Seán \\ \"O'Brien\" 😀";
const INSERT = 'INSERT INTO cases (case_id, user_id, patient_first, patient_last, ins_provider, patient_dob) VALUES (?, ?, ?, ?, ?, ?)';
const SELECT = 'SELECT patient_first, patient_last, ins_provider, patient_dob, phi_encrypted FROM cases WHERE case_id = ?';
const UPDATE = 'UPDATE cases SET patient_first = ?, patient_dob = ? WHERE case_id = ?';
const DELETE = 'DELETE FROM cases WHERE case_id = ?';

function expect(mixed $got, mixed $want): void
{
    if ($got !== $want) {
        throw new Exception('got ' . var_export($got, true) . ', want ' . var_export($want, true));
    }
}

function fails(callable $act, int $code): void
{
    try {
        $act();
    } catch (mysqli_sql_exception $e) {
        expect($e->getCode(), $code);
        return;
    } catch (PDOException $e) {
        expect($e->errorInfo[1], $code);
        return;
    }
    throw new Exception("no error $code");
}

function withMysqli(string $host, int $port, string $user, string $password, string $database): void
{
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    $db = new mysqli($host, $user, $password, $database, $port);
    $db->set_charset('utf8mb4');
    $id = 'smoke-mysqli';
    $insert = $db->prepare(INSERT);
    $insert->execute([$id, OWNER, NAME, null, '', '1984-02-09']);
    expect([$insert->affected_rows, $insert->insert_id > 0], [1, true]);
    $select = $db->prepare(SELECT);
    $select->execute([$id]);
    $result = $select->get_result();
    expect($result->fetch_field_direct(3)->type, MYSQLI_TYPE_DATE);
    expect($result->fetch_row(), [NAME, null, '', '1984-02-09', 0]);

    $text = $db->query(str_replace('?', "'" . $db->real_escape_string($id) . "'", SELECT));
    expect([$text->num_rows, $text->fetch_field_direct(3)->type], [1, MYSQLI_TYPE_DATE]);
    expect($text->fetch_row(), [NAME, null, '', '1984-02-09', '0']);

    $update = $db->prepare(UPDATE);
    $update->execute(['Jo', '2000-02-29', $id]);
    expect($update->affected_rows, 1);
    fails(fn () => $update->execute([str_repeat('x', 251), '2000-02-29', $id]), 1406);
    fails(fn () => $update->execute(['Jo', '2000-02-30', $id]), 1292);
    $db->begin_transaction();
    $db->query("UPDATE cases SET patient_first = 'Undone' WHERE case_id = '$id'");
    $db->rollback();
    expect($db->execute_query(SELECT, [$id])->fetch_column(), 'Jo');
    $db->execute_query(DELETE, [$id]);
    expect($db->affected_rows, 1);
    $db->close();
}

function withPDO(bool $emulate, string $host, int $port, string $user, string $password, string $database): void
{
    $db = new PDO("mysql:host=$host;port=$port;dbname=$database;charset=utf8mb4", $user, $password, [PDO::ATTR_EMULATE_PREPARES => $emulate]);
    $id = 'smoke-pdo-' . ($emulate ? 'text' : 'prepared');
    $run = function (string $sql, array $values) use ($db): PDOStatement {
        $statement = $db->prepare($sql);
        $statement->execute($values);
        return $statement;
    };
    expect($run(INSERT, [$id, OWNER, NAME, null, '', '1984-02-09'])->rowCount(), 1);
    expect($db->lastInsertId() > 0, true);
    $select = $run(SELECT, [$id]);
    expect($select->getColumnMeta(3)['native_type'], 'DATE');
    expect($select->fetch(PDO::FETCH_NUM), [NAME, null, '', '1984-02-09', 0]);
    expect($run(UPDATE, ['Jo', '2000-02-29', $id])->rowCount(), 1);
    expect($run(UPDATE, ['Jo', '2000-02-29', $id])->rowCount(), 0);
    fails(fn () => $run(UPDATE, [str_repeat('x', 251), '2000-02-29', $id]), 1406);
    fails(fn () => $run(UPDATE, ['Jo', '2000-02-30', $id]), 1292);
    $db->beginTransaction();
    $run(UPDATE, ['Undone', '1999-01-01', $id]);
    $db->rollBack();
    expect($run(SELECT, [$id])->fetchAll(PDO::FETCH_ASSOC), [
        ['patient_first' => 'Jo', 'patient_last' => null, 'ins_provider' => '', 'patient_dob' => '2000-02-29', 'phi_encrypted' => 0],
    ]);
    expect($run(DELETE, [$id])->rowCount(), 1);
}

[, $kind, $host, $port, $user, $password, $database] = $argv;
if ($kind === 'mysqli') {
    withMysqli($host, (int) $port, $user, $password, $database);
} else {
    withPDO($kind === 'pdo', $host, (int) $port, $user, $password, $database);
}
