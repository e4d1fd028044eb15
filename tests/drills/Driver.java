import java.io.*;
import java.nio.file.*;
import java.util.concurrent.*;

/** Makes many pushes side by side with Push.java: a line of input for each push, a line of output for each conclusion. */
class Driver {
    public static void main(String[] arguments) throws Exception {
        var push = new Push();
        var pool = Executors.newFixedThreadPool(Integer.parseInt(arguments[1]));
        var input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] word = line.split("\t");
            String token = word[3].isEmpty() ? null : word[3];
            String key = word[4].isEmpty() ? null : word[4];
            pool.submit(() -> {
                var end = push.push(word[0], word[1], Files.readAllBytes(Path.of(word[2])), token, key,
                        Double.parseDouble(word[5]), Double.parseDouble(word[6]));
                System.out.println(String.join("\t", word[1], end.outcome(), "" + end.tries(), end.code()));
                return end;
            });
        }
        pool.shutdown();
        System.exit(pool.awaitTermination(10, TimeUnit.MINUTES) ? 0 : 1);
    }
}
