// An OPC UA server in Java (Eclipse Milo): Basic256Sha256 alone at .../milo, without security at .../milo/discovery, where it says so.
//   java OpcuaMilo PORT [EXTRA_NAMESPACES]
// A vendor's tags, set over standard input: {"set": "Execution", "value": "ACTIVE"}. Its certificate is a new one at each start.
// EXTRA_NAMESPACES are registered first, so that the one with the tags gets another index.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.milo.opcua.sdk.core.Reference;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.api.DataItem;
import org.eclipse.milo.opcua.sdk.server.api.ManagedNamespaceWithLifecycle;
import org.eclipse.milo.opcua.sdk.server.api.MonitoredItem;
import org.eclipse.milo.opcua.sdk.server.api.config.OpcUaServerConfig;
import org.eclipse.milo.opcua.sdk.server.identity.UsernameIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.sdk.server.util.SubscriptionModel;
import org.eclipse.milo.opcua.stack.core.Identifiers;
import org.eclipse.milo.opcua.stack.core.security.DefaultCertificateManager;
import org.eclipse.milo.opcua.stack.core.security.SecurityPolicy;
import org.eclipse.milo.opcua.stack.core.transport.TransportProfile;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.enumerated.MessageSecurityMode;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateBuilder;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateGenerator;
import org.eclipse.milo.opcua.stack.server.EndpointConfiguration;
import org.eclipse.milo.opcua.stack.server.security.ServerCertificateValidator;

public final class OpcuaMilo {
  static final class Tags extends ManagedNamespaceWithLifecycle {
    final Map<String, UaVariableNode> tags = new HashMap<>();
    private final SubscriptionModel model;

    Tags(OpcUaServer server, String uri) {
      super(server, uri);
      model = new SubscriptionModel(server, this);
      getLifecycleManager().addLifecycle(model);
    }

    void add(String name, NodeId type, Object value) {
      UaVariableNode node =
          new UaVariableNode.UaVariableNodeBuilder(getNodeContext())
              .setNodeId(newNodeId("Saw." + name))
              .setBrowseName(newQualifiedName(name))
              .setDisplayName(LocalizedText.english(name))
              .setDataType(type)
              .setTypeDefinition(Identifiers.BaseDataVariableType)
              .build();
      node.setValue(new DataValue(new Variant(value)));
      getNodeManager().addNode(node);
      node.addReference(new Reference(node.getNodeId(), Identifiers.Organizes, Identifiers.ObjectsFolder.expanded(), false));
      tags.put(name, node);
    }

    @Override public void onDataItemsCreated(List<DataItem> items) { model.onDataItemsCreated(items); }
    @Override public void onDataItemsModified(List<DataItem> items) { model.onDataItemsModified(items); }
    @Override public void onDataItemsDeleted(List<DataItem> items) { model.onDataItemsDeleted(items); }
    @Override public void onMonitoringModeChanged(List<MonitoredItem> items) { model.onMonitoringModeChanged(items); }
  }

  static final class AcceptAll implements ServerCertificateValidator {
    @Override public void validateCertificateChain(List<X509Certificate> chain) {}
    @Override public void validateCertificateChain(List<X509Certificate> chain, String uri) {}
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    int extra = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 0;
    KeyPair keys = SelfSignedCertificateGenerator.generateRsaKeyPair(2048);
    X509Certificate certificate =
        new SelfSignedCertificateBuilder(keys).setCommonName("peer").setApplicationUri("urn:test:milo").addIpAddress("127.0.0.1").build();
    EndpointConfiguration.Builder any =
        EndpointConfiguration.newBuilder().setBindAddress("127.0.0.1").setHostname("127.0.0.1").setBindPort(port)
            .setCertificate(certificate).setTransportProfile(TransportProfile.TCP_UASC_UABINARY)
            .addTokenPolicies(OpcUaServerConfig.USER_TOKEN_POLICY_ANONYMOUS, OpcUaServerConfig.USER_TOKEN_POLICY_USERNAME);
    EndpointConfiguration secure =
        any.copy().setPath("/milo").setSecurityPolicy(SecurityPolicy.Basic256Sha256).setSecurityMode(MessageSecurityMode.SignAndEncrypt).build();
    EndpointConfiguration discovery =
        any.copy().setPath("/milo/discovery").setSecurityPolicy(SecurityPolicy.None).setSecurityMode(MessageSecurityMode.None).build();
    OpcUaServer server =
        new OpcUaServer(
            OpcUaServerConfig.builder()
                .setApplicationUri("urn:test:milo")
                .setProductUri("urn:test:milo")
                .setApplicationName(LocalizedText.english("peer"))
                .setEndpoints(Set.of(secure, discovery))
                .setCertificateManager(new DefaultCertificateManager(keys, certificate))
                .setCertificateValidator(new AcceptAll())
                .setIdentityValidator(
                    new UsernameIdentityValidator(true, one -> one.getUsername().equals("vrijloop") && one.getPassword().equals("correct horse")))
                .build());
    for (int index = 0; index < extra; index++) server.getNamespaceTable().addUri("urn:extra:" + index);
    Tags tags = new Tags(server, "urn:test-factory");
    tags.startup();
    tags.add("Execution", Identifiers.String, "READY");
    tags.add("EmergencyStop", Identifiers.Boolean, false);
    server.startup().get();
    System.out.println("{\"ready\": true, \"namespaces\": [\"" + String.join("\", \"", server.getNamespaceTable().toArray()) + "\"]}");
    Pattern command = Pattern.compile("\"set\": \"(\\w+)\", \"value\": (\"(.*)\"|true|false)");
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Matcher said = command.matcher(line);
      if (said.find()) {
        Object value = said.group(3) != null ? said.group(3) : Boolean.valueOf(said.group(2));
        tags.tags.get(said.group(1)).setValue(new DataValue(new Variant(value)));
      }
      System.out.println("{\"done\": true}");
    }
    server.shutdown().get();
    System.exit(0);
  }
}
