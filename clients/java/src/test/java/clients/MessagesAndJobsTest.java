package clients;

import static org.junit.jupiter.api.Assertions.*;

import com.auth0.client.mgmt.emails.types.*;
import com.auth0.client.mgmt.jobs.types.*;
import com.auth0.client.mgmt.types.*;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Messages to users, tickets for them, and jobs that take their time. */
class MessagesAndJobsTest extends Tenant {
    @TempDir
    Path folder;

    private static GetJobResponseContent finished(Object job) throws InterruptedException {
        return settled(() -> management.jobs().get(id(job)), "pending", "processing");
    }

    @Test
    void mailHasAProvider() {
        var provider = management.emails().provider();
        String request = "{'name': 'smtp', 'default_from_address': 'me@example.com', 'credentials':"
                + " {'smtp_host': 'smtp.example.com', 'smtp_port': 587, 'smtp_user': 'me', 'smtp_pass': 'hush'}}";
        var made = provider.create(of(CreateEmailProviderRequestContent.class, request));
        holds(made, "{'name': 'smtp', 'enabled': true}");
        assertFalse(shown(made).toString().contains("hush"));
        refused(409, "Email provider is already configured.", () ->
                provider.create(of(CreateEmailProviderRequestContent.class, request)));
        holds(provider.update(of(UpdateEmailProviderRequestContent.class, "{'enabled': false}")), "{'enabled': false}");
        holds(
                provider.get(of(GetEmailProviderRequestParameters.class,
                        "{'fields': 'name,enabled,default_from_address,credentials', 'include_fields': true}")),
                "{'enabled': false, 'default_from_address': 'me@example.com', 'credentials': {'smtp_port': 587}}");
        provider.delete();
        refused(404, "There is not a configured email provider", provider::get);
    }

    @Test
    void mailHasTemplates() {
        var templates = management.emailTemplates();
        var name = EmailTemplateNameEnum.WELCOME_EMAIL;
        String fields = "{'template': 'welcome_email', 'body': '<html>{{ url }}</html>', 'from': 'me@example.com',"
                + " 'subject': '%s', 'syntax': 'liquid', 'enabled': true}";
        refused(404, "The template does not exist.", () -> templates.get(name));
        var made = templates.create(of(CreateEmailTemplateRequestContent.class, fields, "Welcome"));
        holds(made, fields, "Welcome");
        same(made, templates.get(name));
        refused(409, "Template welcome_email already exists.", () ->
                templates.create(of(CreateEmailTemplateRequestContent.class, fields, "Welcome")));
        holds(templates.update(name, of(UpdateEmailTemplateRequestContent.class, "{'subject': 'Hello'}")), fields,
                "Hello");
        holds(templates.set(name, of(SetEmailTemplateRequestContent.class, fields, "Hi")), fields, "Hi");
    }

    @Test
    void ticketsOpenAPageOfTheTenant() {
        String user = "{'user_id': '" + text(person(), "user_id") + "'}";
        var tickets = management.tickets();
        for (Object ticket : new Object[] {
            tickets.verifyEmail(of(VerifyEmailTicketRequestContent.class, user)),
            tickets.changePassword(of(ChangePasswordTicketRequestContent.class, user))
        }) {
            assertTrue(text(ticket, "ticket").startsWith("https://" + DOMAIN + "/"), text(ticket, "ticket"));
        }
        refused(404, "User not found.", () ->
                tickets.verifyEmail(of(VerifyEmailTicketRequestContent.class, "{'user_id': 'auth0|nobody'}")));
    }

    /** This version of the SDK sends the connection in quotes, which the service refuses (auth0-java, issue 855). */
    @Test
    void anImportNamesItsConnectionPlainly() throws Exception {
        var users = Files.writeString(folder.resolve("users.json"), "[]").toFile();
        refused(400, "String does not match pattern ^con_[A-Za-z0-9]{16}$", () ->
                management.jobs().usersImports().create(
                users, of(CreateImportUsersRequestContent.class, "{'connection_id': '%s'}", id(connection("auth0",
                        "{}")))));
    }

    @Test
    void usersAreExported() throws Exception {
        var database = management.connections().list(of(
                        ListConnectionsQueryParameters.class, "{'name': '%s'}", DATABASE)).iterator().next();
        String email = text(person(), "email");
        var job = finished(management.jobs().usersExports().create(of(
                CreateExportUsersRequestContent.class,
                "{'connection_id': '%s', 'format': 'csv', 'fields': [{'name': 'user_id'}, {'name': 'email'}]}",
                id(database))));
        holds(job, "{'type': 'users_export', 'status': 'completed', 'format': 'csv'}");
        assertTrue(download(text(job, "location")).contains(email));
    }

    private static String download(String address) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(address)).build();
        var answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofInputStream());
        return new String(new GZIPInputStream(answer.body()).readAllBytes());
    }

    @Test
    void aUserIsAskedToVerify() throws Exception {
        var job = management.jobs().verificationEmail().create(of(
                CreateVerificationEmailRequestContent.class, "{'user_id': '%s'}", text(person(), "user_id")));
        holds(job, "{'type': 'verification_email', 'status': 'pending'}");
        assertEquals(id(job), id(finished(job)));
        refused(404, "Job not found.", () -> management.jobs().get("job_0000000000000000"));
        refused(404, "The job does not exist", () -> management.jobs().errors().get("job_0000000000000000"));
    }
}
