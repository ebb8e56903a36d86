import io.moquette.broker.Server;
import io.moquette.broker.config.MemoryConfig;
import java.util.Properties;

/** The MQTT broker Moquette as it is delivered (messages of 8 kB at most), which keeps its sessions in a file: {@code Broker PORT FOLDER}. */
class Broker {
    public static void main(String[] arguments) throws Exception {
        var settings = new Properties();
        settings.setProperty("host", "127.0.0.1");
        settings.setProperty("port", arguments[0]);
        settings.setProperty("data_path", arguments[1]);
        settings.setProperty("persistence_enabled", "true");
        settings.setProperty("autosave_interval", "1");
        settings.setProperty("allow_anonymous", "true");
        settings.setProperty("telemetry_enabled", "false");
        var server = new Server();
        server.startServer(new MemoryConfig(settings));
        Runtime.getRuntime().addShutdownHook(new Thread(server::stopServer));
        Thread.currentThread().join();
    }
}
