"""The application's life with one case, through one of Python's drivers: smoke.py DRIVER HOST PORT USER PASSWORD DATABASE [CA]

DRIVER is pymysql or MySQLdb. With CA the connection uses TLS and verifies the server. Exits 1 with a traceback when an
answer is not what MySQL would have given. SMOKE_ROLLBACK=no says that the server cannot roll back.
"""
import datetime
import importlib
import os
import sys


def connect(driver, host, port, user, password, database, ca=None):
    options = dict(host=host, port=int(port), user=user, password=password, database=database, charset="utf8mb4", autocommit=False)
    if ca:
        options["ssl"] = {"ca": ca}
    module = importlib.import_module(driver)
    return module, module.connect(**options)


def one(cursor, sql, args=()):
    cursor.execute(sql, args)
    rows = cursor.fetchall()
    assert len(rows) == 1, rows
    return rows[0]


def expect(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def main(driver, *args):
    module, conn = connect(driver, *args)
    cursors = importlib.import_module(driver + ".cursors")
    cur = conn.cursor(cursors.DictCursor)
    rolls_back = os.environ.get("SMOKE_ROLLBACK") != "no"
    case, owner, name = f"smoke-{driver}", "00000001-0091-7031-86bb-000000000001", "Seán \\ \"O'Brien\" 😀"
    dob = datetime.date(1984, 2, 9)

    cur.execute("DELETE FROM cases WHERE case_id = %s", (case,))
    conn.commit()
    count = cur.execute("INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, patient_dob) "
                        "VALUES (%s, %s, %s, %s, %s, %s, %s)", (case, owner, datetime.date(2025, 11, 14), name, None, "", dob))
    expect(count, 1)
    assert cur.lastrowid > 0
    row = one(cur, "SELECT * FROM cases WHERE case_id = %s", (case,))
    expect((row["patient_first"], row["patient_last"], row["ins_provider"], row["patient_dob"]), (name, None, "", dob))
    if rolls_back:
        conn.rollback()
    else:
        cur.execute("DELETE FROM cases WHERE case_id = %s", (case,))
    cur.execute("SELECT case_id FROM cases WHERE case_id = %s", (case,))
    expect(len(cur.fetchall()), 0)

    cur.execute("INSERT INTO cases (case_id, user_id, patient_first, patient_dob) VALUES (%s, %s, %s, %s)", (case, owner, name, dob))
    conn.commit()
    update = "UPDATE cases SET patient_first = %s, patient_last = %s WHERE case_id = %s"
    expect(cur.execute(update, ("Jo", "Łukasz", case)), 1)
    expect(cur.execute(update, ("Jo", "Łukasz", case)), 0)
    row = one(cur, "SELECT patient_first, COALESCE(patient_last, '') AS patient_last, phi_encrypted FROM cases WHERE case_id = %s", (case,))
    expect((row["patient_first"], row["patient_last"], row["phi_encrypted"]), ("Jo", "Łukasz", 0))
    conn.commit()

    for bad, code in (("x" * 251, 1406), ("Jo", None)):
        try:
            cur.execute("UPDATE cases SET patient_first = %s WHERE case_id = %s", (bad, case))
            expect(code, None)
        except (module.err.DataError if driver == "pymysql" else module.DataError) as e:
            expect(e.args[0], code)
    conn.ping()
    conn.rollback()
    rows = [(f"{case}-{i}", owner, f"Row {i}") for i in range(20)]
    expect(cur.executemany("INSERT INTO cases (case_id, user_id, patient_first) VALUES (%s, %s, %s)", rows), 20)
    cur.execute("SELECT patient_first FROM cases WHERE case_id LIKE %s ORDER BY human_case_id", (case + "-%",))
    expect([r["patient_first"] for r in cur.fetchall()], [r[2] for r in rows])
    expect(cur.execute("DELETE FROM cases WHERE case_id LIKE %s", (case + "%",)), 21)
    conn.commit()
    conn.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
