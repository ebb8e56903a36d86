import com.hivemq.embedded.EmbeddedHiveMQ;
import java.nio.file.Files;
import java.nio.file.Path;

/** The MQTT broker HiveMQ, community edition, which keeps its sessions in files: {@code Broker PORT FOLDER}. */
class Broker {
    public static void main(String[] arguments) throws Exception {
        var folder = Path.of(arguments[1]);
        for (var name : new String[] {"conf", "data", "extensions", "log"}) {
            Files.createDirectories(folder.resolve(name));
        }
        System.setProperty("hivemq.log.folder", folder.resolve("log").toString());
        Files.writeString(folder.resolve("conf").resolve("config.xml"), """
            <hivemq>
              <listeners><tcp-listener><port>%s</port><bind-address>127.0.0.1</bind-address></tcp-listener></listeners>
              <persistence><mode>file</mode></persistence>
              <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
            </hivemq>
            """.formatted(arguments[0]));
        var broker = EmbeddedHiveMQ.builder()
                .withConfigurationFolder(folder.resolve("conf"))
                .withDataFolder(folder.resolve("data"))
                .withExtensionsFolder(folder.resolve("extensions"))
                .build();
        broker.start().join();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> broker.stop().join()));
        Thread.currentThread().join();
    }
}
