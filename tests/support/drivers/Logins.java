// Logs in with pgjdbc: a line of tab-separated values for each login on stdin, a line for each on stdout, which is "in"
// or why not. host, port, user, password, sslmode, channel_binding, root certificate; what is empty is the driver's own.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

public class Logins {
  static String logIn(String[] values) {
    Properties properties = new Properties();
    properties.setProperty("user", values[2]);
    properties.setProperty("password", values[3]);
    properties.setProperty("loginTimeout", "20");
    if (!values[4].isEmpty()) properties.setProperty("sslmode", values[4]);
    if (!values[5].isEmpty()) properties.setProperty("channelBinding", values[5]);
    if (!values[6].isEmpty()) properties.setProperty("sslrootcert", values[6]);
    String url = "jdbc:postgresql://" + values[0] + ":" + values[1] + "/postgres";
    try (Connection connection = DriverManager.getConnection(url, properties);
        ResultSet seen = connection.createStatement().executeQuery("SELECT current_user")) {
      seen.next();
      return seen.getString(1).equals(values[2]) ? "in" : "in as " + seen.getString(1);
    } catch (SQLException error) {
      return (error.getSQLState() + ": " + error.getMessage()).replace("\n", " ");
    }
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) {
      System.out.println(logIn(line.split("\t", -1)));
      System.out.flush();
    }
  }
}
