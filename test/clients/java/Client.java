import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.microsoft.signalr.HttpHubConnectionBuilder;
import com.microsoft.signalr.HubConnection;
import com.microsoft.signalr.HubConnectionBuilder;
import com.microsoft.signalr.HubProtocol;
import com.microsoft.signalr.TransportEnum;
import io.reactivex.rxjava3.core.Single;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.UUID;

/** The recipe for com.microsoft.signalr as a program of the tests. */
public class Client {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final Gson GSON = new Gson();

    private static void say(Map<String, ?> line) {
        OUT.println(GSON.toJson(line));
    }

    public static void main(String[] args) throws Exception {
        JsonObject settings = GSON.fromJson(args[0], JsonObject.class);
        Room room = new Room(() -> connection(settings), text(settings, "room"), settings.get("after").getAsLong()) {
            @Override
            protected void joined(Map<?, ?> answer) {
                super.joined(answer);
                say(Map.of("ready", true));
            }

            @Override
            protected void show(Map<?, ?> m) {
                say(Map.of("seq", ((Number) m.get("seq")).longValue(), "msg", m.get("msg"), "id", m.get("id")));
            }

            @Override
            protected void stored(String id, String text, Throwable error) {
                say(error == null ? Map.of("sent", text, "id", id) : Map.of("failed", text, "error", error.toString()));
            }
        };
        Thread obeying = new Thread(() -> obey(room), "commands");
        obeying.setDaemon(true);
        obeying.start();
        room.run();
    }

    private static String text(JsonObject settings, String name) {
        return settings.get(name).getAsString();
    }

    private static HubConnection connection(JsonObject settings) {
        HttpHubConnectionBuilder builder =
            HubConnectionBuilder.create(text(settings, "url") + "/messageHub?room=-&client_id=" + text(settings, "client_id"))
                .withTransport(text(settings, "transport").equals("lp") ? TransportEnum.LONG_POLLING : TransportEnum.WEBSOCKETS);
        if (!text(settings, "token").isEmpty()) {
            builder.withAccessTokenProvider(Single.defer(() -> Single.just(text(settings, "token"))));
        }
        if (text(settings, "protocol").equals("messagepack")) {
            builder.withHubProtocol(messagePack());
        }
        return builder.build();
    }

    /** MessagePack is a package of its own, which the programs with JSON run without. */
    private static HubProtocol messagePack() {
        try {
            return (HubProtocol) Class.forName("com.microsoft.signalr.messagepack.MessagePackHubProtocol").getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void obey(Room room) {
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).lines().forEach(line -> {
            JsonObject command = GSON.fromJson(line, JsonObject.class);
            if (command.has("send")) {
                room.send(UUID.randomUUID().toString(), text(command, "send"));
            } else {
                System.exit(0);
            }
        });
    }
}
