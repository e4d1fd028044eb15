import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.regex.*;

/**
 * Pushes the result of a mediation through the mediation-bridge, retries if this helps, and reports the outcome.
 *
 * <pre>java Push.java BASE_URL CASE_ID JSON_FILE [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]</pre>
 *
 * Prints one line of JSON, {"outcome": ..., "tries": ..., "code": ...}, and exits 0 accepted, 1 rejected, 2 not
 * executed (proven, over all tries), 3 unknown, 64 wrong command line. Where the line is missing, the outcome is
 * unknown. Copy this file into your service and call {@link #push}, from any thread. Java 17, no packages.
 */
public final class Push {
    /** The outcome, the number of tries, and {@code accepted}, the code of the last problem, or {@code no_answer}. */
    public record Conclusion(String outcome, int tries, String code) {}

    private record Answer(String outcome, String code, boolean retryable, boolean doubt, long retryAfter) {}

    private static final List<String> OUTCOMES = List.of("accepted", "rejected", "not_executed", "unknown");
    private static final double MAX_PAUSE = 60;

    // HTTP/1.1, without the offer of an upgrade. No redirect is followed: its target is not the bridge.
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    /**
     * Pushes {@code body}, JSON as bytes, until TOP decides, a retry is useless or {@code giveUp} seconds have passed.
     * {@code token} and {@code key} may be null.
     *
     * <p>{@code timeout} limits each try. It should exceed the bridge's BRIDGE_DEADLINE (10 s): a shorter one misses
     * answers, and more pushes end as unknown. After several tries, accepted can stand for two executions, and rejected
     * can be the refusal of a duplicate. not_executed covers the tries of this call, not those of an earlier one.
     */
    public Conclusion push(String baseUrl, String caseId, byte[] body, String token, String key, double timeout,
            double giveUp) throws InterruptedException {
        long start = System.nanoTime();
        String segment = URLEncoder.encode(caseId, StandardCharsets.UTF_8).replace("+", "%20");
        URI uri = URI.create(baseUrl.replaceAll("/+$", "") + "/mediations/" + segment + "/result");
        // One key for all tries: the bridge never runs two of them at once, and replays what TOP has decided.
        String onlyKey = key == null ? UUID.randomUUID().toString() : key;
        if (onlyKey.isEmpty() || !(onlyKey + token).matches("[ -~]+")) {
            throw new IllegalArgumentException("token and key must be visible ASCII characters");
        }
        HttpRequest.Builder builder = HttpRequest.newBuilder(uri).POST(HttpRequest.BodyPublishers.ofByteArray(body))
                .header("Content-Type", "application/json").header("Idempotency-Key", onlyKey);
        HttpRequest request = (token == null ? builder : builder.header("Authorization", "Bearer " + token)).build();
        boolean doubt = false;
        double pause = 1;
        for (int tries = 1;; tries++) {
            Answer answer = attempt(request, timeout);
            // Only TOP's decision ends a doubt: a later not_executed covers only its own try.
            doubt |= answer.doubt;
            if (answer.outcome.equals("accepted") || answer.outcome.equals("rejected")) {
                return new Conclusion(answer.outcome, tries, answer.code);
            }
            // The jitter keeps callers that failed together from retrying together.
            double jittered = pause * ThreadLocalRandom.current().nextDouble(0.5, 1);
            double wait = answer.retryAfter > 0 ? answer.retryAfter : jittered;
            if (!answer.retryable || (System.nanoTime() - start) / 1e9 + wait > giveUp) {
                return new Conclusion(doubt ? "unknown" : "not_executed", tries, answer.code);
            }
            Thread.sleep((long) (wait * 1000));
            pause = Math.min(2 * pause, MAX_PAUSE);
        }
    }

    /** One try. */
    private Answer attempt(HttpRequest request, double timeout) throws InterruptedException {
        // HttpRequest.timeout ends with the head of the answer; this limits the whole try.
        var exchange = client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
        try {
            return read(exchange.get((long) (timeout * 1000), TimeUnit.MILLISECONDS));
        } catch (ExecutionException | TimeoutException error) { // whatever failed, the push may have arrived
            System.err.println("no answer of the bridge: " + error);
            return new Answer("unknown", "no_answer", true, true, 0);
        } finally {
            exchange.cancel(true);
        }
    }

    private static Answer read(HttpResponse<String> response) {
        String seconds = response.headers().firstValue("Retry-After").orElse("");
        long retryAfter = seconds.matches("[0-9]{1,9}") ? Long.parseLong(seconds) : 0;
        String mediaType = response.headers().firstValue("Content-Type").orElse("").split(";", 2)[0].strip();
        String json = topLevel(response.body().strip());
        String outcome = member(json, "outcome");
        String code = member(json, "code");
        if (response.statusCode() == 200 && outcome.equals("accepted")) {
            return new Answer(outcome, "accepted", false, false, 0);
        }
        boolean problem = response.statusCode() >= 400 && mediaType.equalsIgnoreCase("application/problem+json");
        if (problem && OUTCOMES.indexOf(outcome) > 0 && !code.isEmpty()) {
            boolean doubt = outcome.equals("unknown") || json.contains("\"prior_outcome\"");
            return new Answer(outcome, code, member(json, "retryable").equals("true"), doubt, retryAfter);
        }
        System.err.println("status " + response.statusCode() + " does not come from the bridge");
        return new Answer("unknown", "no_answer", true, true, retryAfter);
    }

    /** A JSON object without what is nested in it, or nothing if it is not whole. A JSON library does this better. */
    private static String topLevel(String json) {
        String flat = Pattern.compile("\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\"").matcher(json)
                .replaceAll(text -> text.group().matches("\"\\w+\"") ? text.group() : "\"\"");
        for (int depth = 0; depth < 8; depth++) {
            flat = flat.replaceAll("(?<!^)(?:\\{[^{}\\[\\]]*}|\\[[^{}\\[\\]]*])", "0");
        }
        return flat.matches("\\{[^{}\\[\\]]*}") ? flat : "";
    }

    private static String member(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"?(\\w+)").matcher(json);
        return found.find() ? found.group(1) : "";
    }

    public static void main(String[] arguments) throws InterruptedException {
        Conclusion conclusion = null;
        try {
            Map<String, String> options = new HashMap<>(Map.of("--timeout", "15", "--give-up", "120"));
            List<String> required = new ArrayList<>();
            for (int i = 0; i < arguments.length; i++) {
                if (List.of("--token", "--key", "--timeout", "--give-up").contains(arguments[i])) {
                    options.put(arguments[i], arguments[++i]);
                } else {
                    required.add(arguments[i]);
                }
            }
            double timeout = Double.parseDouble(options.get("--timeout"));
            double giveUp = Double.parseDouble(options.get("--give-up"));
            if (required.size() != 3 || !(timeout > 0 && timeout < 1e6 && giveUp >= 0 && giveUp < 1e6)) {
                throw new IllegalArgumentException("three arguments are required, and SECONDS in range");
            }
            conclusion = new Push().push(required.get(0), required.get(1), Files.readAllBytes(Path.of(required.get(2))),
                    options.get("--token"), options.get("--key"), timeout, giveUp);
        } catch (IllegalArgumentException | IndexOutOfBoundsException | IOException error) { // nothing was sent yet
            System.err.println("usage: java Push.java BASE_URL CASE_ID JSON_FILE"
                    + " [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]\n" + error);
            System.exit(64);
        }
        System.out.printf(Locale.ROOT, "{\"outcome\": \"%s\", \"tries\": %d, \"code\": \"%s\"}%n",
                conclusion.outcome, conclusion.tries, conclusion.code);
        System.exit(OUTCOMES.indexOf(conclusion.outcome));
    }
}
