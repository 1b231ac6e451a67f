"""The application's life with one case through SQLAlchemy's ORM: alchemy.py DRIVER HOST PORT USER PASSWORD DATABASE

DRIVER is pymysql or mysqldb. The table is reflected, so that the ORM sees the types that the proxy shows. Exits 1 with a
traceback when an answer is not what the server would have given.
"""
import datetime
import sys

import sqlalchemy as sa
from sqlalchemy import orm


def expect(got, want):
    assert got == want, f"got {got!r}, want {want!r}"


def fails(engine, Case, case, value, code):
    with orm.Session(engine) as session:
        row = session.get(Case, case)
        row.patient_first = value
        try:
            session.commit()
        except sa.exc.DBAPIError as e:
            expect(e.orig.args[0], code)
        else:
            raise AssertionError(f"no error {code}")


def main(driver, host, port, user, password, database):
    url = sa.engine.URL.create("mysql+" + driver, user, password, host, int(port), database, {"charset": "utf8mb4"})
    engine = sa.create_engine(url, future=True, pool_pre_ping=True)
    base = orm.declarative_base()

    class Case(base):
        __table__ = sa.Table("cases", sa.MetaData(), autoload_with=engine)

    columns = Case.__table__.c
    expect((str(columns.patient_dob.type), columns.patient_first.type.length), ("DATE", 250))
    case, owner, name = f"smoke-alchemy-{driver}", "00000001-0091-7031-86bb-000000000001", "Seán \\ \"O'Brien\" 😀"
    dob = datetime.date(1984, 2, 9)
    with orm.Session(engine) as session:
        session.add(Case(case_id=case, user_id=owner, patient_first=name, patient_last=None, ins_provider="", patient_dob=dob))
        session.commit()
        row = session.get(Case, case)
        expect((row.patient_first, row.patient_last, row.ins_provider, row.patient_dob, row.phi_encrypted), (name, None, "", dob, 0))
        row.patient_first, row.patient_dob = "Jo", datetime.date(2000, 2, 29)
        session.commit()
        session.refresh(row)
        expect((row.patient_first, row.patient_dob), ("Jo", datetime.date(2000, 2, 29)))
        row.patient_first = "Undone"
        session.flush()
        session.rollback()
        expect(row.patient_first, "Jo")
    fails(engine, Case, case, "x" * 251, 1406)
    with orm.Session(engine) as session:
        session.add_all([Case(case_id=f"{case}-{i}", user_id=owner, patient_first=f"Row {i}") for i in range(20)])
        session.commit()
        found = session.execute(sa.select(Case.patient_first).where(Case.case_id.like(case + "-%")).order_by(Case.human_case_id)).scalars().all()
        expect(found, [f"Row {i}" for i in range(20)])
        delete = sa.delete(Case).where(Case.case_id.like(case + "%")).execution_options(synchronize_session=False)
        expect(session.execute(delete).rowcount, 21)
        session.commit()
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
