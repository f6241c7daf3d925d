import com.microsoft.signalr.HubConnection;
import com.microsoft.signalr.HubException;
import java.util.*;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;

/** Follows a room from the message after seen. The application says what to do with a message, and with a text that is stored. */
public abstract class Room {
    private final Supplier<HubConnection> connections;
    private final String room;
    private final Map<String, String> outbox = Collections.synchronizedMap(new LinkedHashMap<>()); // not known to be stored
    private volatile HubConnection hub;
    private volatile CountDownLatch over;
    private long seen;
    private Object epoch;

    protected Room(Supplier<HubConnection> connections, String room, long seen) {
        this.connections = connections;
        this.room = room;
        this.seen = seen;
    }

    protected abstract void show(Map<?, ?> message);

    protected abstract void stored(String id, String text, Throwable error);

    public void run() throws InterruptedException {
        while (true) { // this package does not reconnect by itself
            over = new CountDownLatch(1);
            try (HubConnection hub = connections.get()) {
                this.hub = hub;
                hub.on("ReceiveMessage", this::receive, Map.class);
                hub.onClosed(error -> over.countDown());
                hub.start().blockingAwait();
                hub.invoke(Map.class, "JoinRoom", room, cursor()).doOnSuccess(this::joined).blockingGet();
                over.await();
            } catch (RuntimeException e) {
                System.err.println("connecting again: " + e);
            }
            Thread.sleep(1000);
        }
    }

    private synchronized Map<String, Object> cursor() {
        Map<String, Object> cursor = new HashMap<>(Map.of("after", seen));
        cursor.put("epoch", epoch);
        return cursor;
    }

    protected synchronized void joined(Map<?, ?> answer) {
        epoch = answer.get("epoch");
        if (answer.get("reset") instanceof Map<?, ?> reset) {
            seen = ((Number) reset.get("after")).longValue();
        }
        new LinkedHashMap<>(outbox).forEach(this::deliver);
    }

    private synchronized void receive(Map<?, ?> message) {
        long seq = ((Number) message.get("seq")).longValue();
        if (seq == seen + 1) {
            seen = seq;
            show(message);
        } else if (seq > seen) {
            over.countDown(); // OkHttp repeats a poll whose answer was lost in a cut: connect again, from seen
        }
    }

    public void send(String id, String text) {
        outbox.put(id, text);
        deliver(id, text);
    }

    private void deliver(String id, String text) {
        try {
            hub.invoke(Map.class, "SendMessage", room, text, id)
                .subscribe(answer -> answered(id, text, null), error -> answered(id, text, error));
        } catch (RuntimeException e) {
            // There is no connection: joined sends it again.
        }
    }

    private void answered(String id, String text, Throwable error) {
        if ((error == null || error instanceof HubException) && outbox.remove(id) != null) {
            stored(id, text, error);
        }
    }
}
