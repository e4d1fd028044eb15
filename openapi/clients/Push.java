import java.io.IOException;
import java.io.StreamTokenizer;
import java.io.StringReader;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import java.util.concurrent.*;

/**
 * Pushes the result of a mediation through the mediation-bridge, retries, and tells what came of it.
 *
 * <p>Copy this file into your service and call {@link #push}, or run it:
 *
 * <pre>java Push.java BASE_URL CASE_ID JSON_FILE [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]</pre>
 *
 * It prints one line of JSON, {"outcome": ..., "tries": ..., "code": ...}, and exits 0 accepted, 1 rejected, 2 not
 * executed (proven for every try), 3 unknown, 64 wrong command line. A run that printed no line was cut short: nobody
 * knows whether it pushed. Java 17, no packages. One instance serves any number of threads.
 */
public final class Push {
    /**
     * @param outcome accepted, rejected, not_executed or unknown
     * @param code of the last try: accepted, the code of the bridge's problem, or no_answer
     * @param doubt a try may have been executed without an answer that says so; see {@link #push}
     */
    public record Conclusion(String outcome, int tries, String code, boolean doubt) {}

    private record Answer(String outcome, String code, boolean retryable, boolean priorDoubt, double retryAfter) {}

    // There was no connection, so nothing of the push was sent.
    private static final Answer NOT_SENT = new Answer("not_executed", "no_answer", true, false, 0);
    private static final double LONGEST_WAIT = 60;

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1) // without the offer of an upgrade, which proxies answer in odd ways
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    /**
     * Pushes {@code body}, JSON as bytes, until its outcome is certain, a retry is useless or {@code giveUp} seconds
     * are over. {@code token} and {@code key} may be null; usual times are 15 and 120.
     *
     * <p>{@code timeout} is for one try. It should exceed the bridge's BRIDGE_DEADLINE (10 s), or the bridge's own
     * answer is often missed; then more pushes come to unknown, but no conclusion becomes wrong. The last try may end
     * after {@code giveUp}.
     *
     * <p>With {@code doubt}, accepted may stand for two executions, and rejected may mean that an earlier try was
     * executed: TOP also refuses what it calls a duplicate or a closed case. Ask Jiaoyimao before you push other data.
     * If an earlier run with the same {@code key} came to unknown, not_executed speaks of this run only, and the push
     * is still in doubt.
     *
     * @throws InterruptedException when the thread is interrupted; the push may have been executed
     */
    public Conclusion push(String baseUrl, String caseId, byte[] body, String token, String key, double timeout,
            double giveUp) throws InterruptedException {
        long start = System.nanoTime();
        String escaped = URLEncoder.encode(caseId, StandardCharsets.UTF_8).replace("+", "%20");
        // One key for all tries: the bridge then never runs two of them at once, and repeats what TOP has decided.
        HttpRequest.Builder builder = HttpRequest.newBuilder()
                .uri(URI.create(baseUrl.replaceAll("/+$", "") + "/mediations/" + escaped + "/result"))
                .header("Content-Type", "application/json")
                .header("Idempotency-Key", key != null ? key : UUID.randomUUID().toString())
                .POST(HttpRequest.BodyPublishers.ofByteArray(body));
        if (token != null) {
            builder.header("Authorization", "Bearer " + token);
        }
        HttpRequest request = builder.build();
        boolean doubt = false;
        double pause = 1;
        for (int tries = 1;; tries++) {
            Answer answer = attempt(request, timeout);
            doubt |= answer.outcome.equals("unknown") || answer.priorDoubt;
            // Only TOP's decision ends a doubt. A later not_executed is about its own try, not about the others.
            if (answer.outcome.equals("accepted") || answer.outcome.equals("rejected")) {
                return new Conclusion(answer.outcome, tries, answer.code, doubt);
            }
            // The jitter keeps callers that failed together from coming back together.
            double jittered = pause * ThreadLocalRandom.current().nextDouble(0.5, 1);
            double wait = Math.min(answer.retryAfter > 0 ? answer.retryAfter : jittered, LONGEST_WAIT);
            if (!answer.retryable || (System.nanoTime() - start) / 1e9 + wait > giveUp) {
                return new Conclusion(doubt ? "unknown" : "not_executed", tries, answer.code, doubt);
            }
            Thread.sleep((long) (wait * 1000));
            pause = Math.min(2 * pause, LONGEST_WAIT);
        }
    }

    /** One try. */
    private Answer attempt(HttpRequest request, double timeout) throws InterruptedException {
        // HttpRequest.timeout ends with the head of the answer; waiting for the whole answer here bounds the body too.
        var exchange = client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
        try {
            return readAnswer(exchange.get((long) (timeout * 1000), TimeUnit.MILLISECONDS));
        } catch (ExecutionException error) {
            System.err.println("no answer: " + error.getCause());
            // Nothing was sent. (Java re-sends no POST by itself, unless jdk.httpclient.enableAllMethodRetry is set.)
            return error.getCause() instanceof ConnectException ? NOT_SENT : noAnswer(0);
        } catch (TimeoutException | IOException error) {
            System.err.println("no answer: " + error);
            return noAnswer(0);
        } finally {
            exchange.cancel(true);
        }
    }

    /** The push may have arrived, and what answered, if anything, was not the bridge. */
    private static Answer noAnswer(double retryAfter) {
        return new Answer("unknown", "no_answer", true, false, retryAfter);
    }

    /** Believes only the bridge. A proxy's page, a redirect or a bare status says nothing about the push. */
    private static Answer readAnswer(HttpResponse<String> response) throws IOException {
        String asked = response.headers().firstValue("Retry-After").orElse("");
        double retryAfter = asked.matches("[0-9]{1,9}") ? Double.parseDouble(asked) : 0;
        String mediaType = response.headers().firstValue("Content-Type").orElse("").split(";", 2)[0].strip();
        Map<String, Object> fields = readFields(response.body());
        boolean priorDoubt = "unknown".equals(fields.get("prior_outcome"));
        if (response.statusCode() == 200 && "accepted".equals(fields.get("outcome"))) {
            return new Answer("accepted", "accepted", false, priorDoubt, 0);
        }
        if (response.statusCode() >= 400 && mediaType.equalsIgnoreCase("application/problem+json")
                && fields.get("code") instanceof String code && code.matches("[a-z0-9_]+")
                && fields.get("outcome") instanceof String outcome
                && List.of("rejected", "not_executed", "unknown").contains(outcome)) {
            return new Answer(outcome, code, Boolean.TRUE.equals(fields.get("retryable")), priorDoubt, retryAfter);
        }
        System.err.println("no answer of the bridge: status " + response.statusCode());
        return noAnswer(retryAfter);
    }

    /**
     * The strings and booleans of a JSON object's own fields, without those of nested objects; nothing if the text is
     * not one whole object. Enough for the bridge's codes, which hold no escapes. If you have a JSON library, use it.
     */
    private static Map<String, Object> readFields(String json) throws IOException {
        StreamTokenizer tokens = new StreamTokenizer(new StringReader(json));
        tokens.resetSyntax();
        tokens.whitespaceChars(0, ' ');
        tokens.quoteChar('"');
        tokens.wordChars('a', 'z');
        Map<String, Object> fields = new HashMap<>();
        String last = null;
        String name = null;
        int depth = tokens.nextToken() == '{' ? 1 : 0;
        while (depth > 0) {
            int token = tokens.nextToken();
            switch (token) {
                case StreamTokenizer.TT_EOF -> { return Map.of(); } // cut short
                case '{', '[' -> depth++;
                case '}', ']' -> depth--;
                case ':' -> name = last; // a string before a colon is a name
                case ',' -> name = null;
                case '"', StreamTokenizer.TT_WORD -> {
                    last = tokens.sval;
                    if (depth == 1 && name != null) {
                        fields.put(name, token == '"' ? last : (Object) last.equals("true"));
                    }
                }
                default -> { } // a part of a number
            }
        }
        return tokens.nextToken() == StreamTokenizer.TT_EOF ? fields : Map.of();
    }

    private static final Map<String, String> COMMAND_LINE = Map.of(
            "BASE_URL", "https?://[!-~]+", "CASE_ID", ".+", "JSON_FILE", ".+",
            "--token", "[!-~]+", "--key", "[!-~]{1,255}",
            "--timeout", "(?=.*[1-9])\\d{1,6}(\\.\\d+)?", "--give-up", "\\d{1,6}(\\.\\d+)?");

    private static Map<String, String> readCommandLine(String[] arguments) {
        Map<String, String> given = new HashMap<>(Map.of("--timeout", "15", "--give-up", "120"));
        Deque<String> missing = new ArrayDeque<>(List.of("BASE_URL", "CASE_ID", "JSON_FILE"));
        for (int i = 0; i < arguments.length; i++) {
            String name = arguments[i].startsWith("--") ? arguments[i++] : missing.poll();
            String pattern = name == null ? null : COMMAND_LINE.get(name);
            if (pattern == null || i == arguments.length || !arguments[i].matches(pattern)) {
                throw new IllegalArgumentException("wrong: " + (name == null ? arguments[i] : name));
            }
            given.put(name, arguments[i]);
        }
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException("missing: " + missing);
        }
        return given;
    }

    public static void main(String[] arguments) throws InterruptedException {
        Conclusion conclusion = null;
        try {
            Map<String, String> given = readCommandLine(arguments);
            conclusion = new Push().push(given.get("BASE_URL"), given.get("CASE_ID"),
                    Files.readAllBytes(Path.of(given.get("JSON_FILE"))), given.get("--token"), given.get("--key"),
                    Double.parseDouble(given.get("--timeout")), Double.parseDouble(given.get("--give-up")));
        } catch (IllegalArgumentException | IOException error) { // the URL or the file is wrong; nothing was sent yet
            System.err.println("usage: java Push.java BASE_URL CASE_ID JSON_FILE"
                    + " [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]\n" + error);
            System.exit(64);
        }
        System.out.printf("{\"outcome\": \"%s\", \"tries\": %d, \"code\": \"%s\"}%n",
                conclusion.outcome, conclusion.tries, conclusion.code);
        System.exit(List.of("accepted", "rejected", "not_executed", "unknown").indexOf(conclusion.outcome));
    }
}
