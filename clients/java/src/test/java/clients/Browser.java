package clients;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** A browser without script: cookies, redirects and forms of the login pages. */
final class Browser {
    private static final Pattern FORM = Pattern.compile("<form[^>]*>(.*?)</form>", Pattern.DOTALL);
    private static final Pattern INPUT = Pattern.compile("<input[^>]*>");

    private final String origin;
    private final Map<String, String> cookies = new LinkedHashMap<>();
    private final HttpClient http =
            HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER).build();

    Browser(String domain) {
        origin = "https://" + domain;
    }

    /** Visits an address, fills in what the pages ask for, and returns the address at which an application is told. */
    URI visit(String address, Map<String, String> fields) throws Exception {
        URI at = URI.create(address);
        Map<String, String> form = null;
        for (int step = 0; step < 20; step++) {
            HttpRequest.Builder request = HttpRequest.newBuilder(at);
            if (form != null) {
                request.header("content-type", "application/x-www-form-urlencoded").POST(BodyPublishers.ofString(encoded(form)));
            }
            if (!cookies.isEmpty()) {
                request.header("cookie", cookies.entrySet().stream()
                        .map(cookie -> cookie.getKey() + "=" + cookie.getValue())
                        .collect(Collectors.joining("; ")));
            }
            HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
            response.headers().allValues("set-cookie").forEach(this::keep);
            if (response.statusCode() == 302) {
                at = at.resolve(response.headers().firstValue("location").orElseThrow());
                form = null;
                if (!at.toString().startsWith(origin)) {
                    return at;
                }
                continue;
            }
            assertEquals(200, response.statusCode(), response.body());
            form = filled(response.body(), fields);
        }
        throw new AssertionError("the login does not end: " + at);
    }

    private void keep(String cookie) {
        String[] pair = cookie.split(";", 2)[0].split("=", 2);
        if (pair[1].isEmpty() || cookie.toLowerCase().contains("max-age=0")) {
            cookies.remove(pair[0]);
        } else {
            cookies.put(pair[0], pair[1]);
        }
    }

    private static Map<String, String> filled(String html, Map<String, String> fields) {
        Matcher first = FORM.matcher(html);
        assertTrue(first.find(), html);
        Map<String, String> form = new LinkedHashMap<>();
        for (Matcher input = INPUT.matcher(first.group(1)); input.find(); ) {
            String name = attribute(input.group(), "name");
            if (!name.isEmpty()) {
                form.put(name, fields.getOrDefault(name, attribute(input.group(), "value")));
            }
        }
        form.put("action", first.group(1).contains("value=\"accept\"") ? "accept" : "default");
        return form;
    }

    private static String attribute(String input, String name) {
        Matcher found = Pattern.compile(" " + name + "=\"([^\"]*)\"").matcher(input);
        return found.find() ? found.group(1) : "";
    }

    private static String encoded(Map<String, String> form) {
        return form.entrySet().stream()
                .map(field -> field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }
}
