import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.List;

/**
 * The application's life with one case through MariaDB Connector/J, with statements that the driver fills in and with ones
 * that the server prepares: Smoke HOST PORT USER PASSWORD DATABASE. An uncaught exception ends it with exit code 1.
 */
public class Smoke {
    private static final String OWNER = "00000001-0091-7031-86bb-000000000001";
    private static final String NAME = "Se\u00e1n \\ \"O'Brien\" \ud83d\ude00";
    private static final String INSERT = "INSERT INTO cases (case_id, user_id, patient_first, patient_last, ins_provider, patient_dob) VALUES (?, ?, ?, ?, ?, ?)";
    private static final String SELECT = "SELECT patient_first, patient_last, ins_provider, patient_dob FROM cases WHERE case_id = ?";
    private static final String UPDATE = "UPDATE cases SET patient_first = ?, patient_dob = ? WHERE case_id = ?";

    private final Connection db;
    private final String id;

    private Smoke(Connection db, String id) {
        this.db = db;
        this.id = id;
    }

    private static void expect(Object got, Object want) {
        if (!want.equals(got)) {
            throw new AssertionError("got " + got + ", want " + want);
        }
    }

    private interface Act {
        void run() throws SQLException;
    }

    private static void fails(int code, Act act) {
        try {
            act.run();
        } catch (SQLException e) {
            expect(e.getErrorCode(), code);
            return;
        }
        throw new AssertionError("no error " + code);
    }

    private void insert(String key, String first, LocalDate dob) throws SQLException {
        try (PreparedStatement s = db.prepareStatement(INSERT, Statement.RETURN_GENERATED_KEYS)) {
            List<Object> values = Arrays.asList(key, OWNER, first, null, "", dob);
            for (int i = 0; i < values.size(); i++) {
                s.setObject(i + 1, values.get(i));
            }
            expect(s.executeUpdate(), 1);
            ResultSet keys = s.getGeneratedKeys();
            expect(keys.next() && keys.getLong(1) > 0, true);
        }
    }

    private List<Object> row() throws SQLException {
        try (PreparedStatement s = db.prepareStatement(SELECT)) {
            s.setString(1, id);
            ResultSet r = s.executeQuery();
            expect(r.getMetaData().getColumnType(4), Types.DATE);
            expect(r.getMetaData().getColumnType(1), Types.VARCHAR);
            expect(r.getMetaData().getPrecision(1), 250);
            expect(r.next(), true);
            return Arrays.asList(r.getString(1), r.getString(2), r.getString(3), r.getDate(4).toLocalDate());
        }
    }

    private int update(String first, String dob) throws SQLException {
        try (PreparedStatement s = db.prepareStatement(UPDATE)) {
            s.setString(1, first);
            s.setString(2, dob);
            s.setString(3, id);
            return s.executeUpdate();
        }
    }

    private void batch() throws SQLException {
        try (PreparedStatement s = db.prepareStatement("INSERT INTO cases (case_id, user_id, patient_first) VALUES (?, ?, ?)")) {
            for (int i = 0; i < 20; i++) {
                s.setString(1, id + "-" + i);
                s.setString(2, OWNER);
                s.setString(3, "Row " + i);
                s.addBatch();
            }
            expect(s.executeBatch().length, 20);
        }
        try (Statement s = db.createStatement()) {
            s.setFetchSize(3);
            ResultSet r = s.executeQuery("SELECT patient_first FROM cases WHERE case_id LIKE '" + id + "-%' ORDER BY human_case_id");
            for (int i = 0; i < 20; i++) {
                expect(r.next(), true);
                expect(r.getString(1), "Row " + i);
            }
            expect(r.next(), false);
        }
    }

    private void life() throws SQLException {
        insert(id, NAME, LocalDate.of(1984, 2, 9));
        expect(row(), Arrays.asList(NAME, null, "", LocalDate.of(1984, 2, 9)));
        expect(update("Jo", "2000-02-29"), 1);
        fails(1406, () -> update("x".repeat(251), "2000-02-29"));
        fails(1292, () -> update("Jo", "2000-02-30"));
        db.setAutoCommit(false);
        update("Undone", "1999-01-01");
        db.rollback();
        db.setAutoCommit(true);
        expect(row(), Arrays.asList("Jo", null, "", LocalDate.of(2000, 2, 29)));
        batch();
        try (Statement s = db.createStatement()) {
            expect(s.executeUpdate("DELETE FROM cases WHERE case_id LIKE '" + id + "%'"), 21);
        }
        expect(db.isValid(5), true);
    }

    /** The database's address and account are the arguments. */
    public static void main(String[] a) throws SQLException {
        for (String options : List.of("useServerPrepStmts=false", "useServerPrepStmts=true", "useServerPrepStmts=true&useBulkStmts=false", "rewriteBatchedStatements=true")) {
            String url = "jdbc:mariadb://" + a[0] + ":" + a[1] + "/" + a[4] + "?allowPublicKeyRetrieval=true&" + options;
            try (Connection db = DriverManager.getConnection(url, a[2], a[3])) {
                new Smoke(db, "smoke-java").life();
            }
        }
    }
}
