import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Hashtable;
import javax.naming.AuthenticationException;
import javax.naming.Context;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.Rdn;
import javax.naming.ldap.StartTlsRequest;
import javax.naming.ldap.StartTlsResponse;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Logs people in with JNDI: three lines of input are one login (way, name, password), one line answers. */
class Login {
    static final String TLS = System.getenv("LAB_TLS");

    public static void main(String[] arguments) throws Exception {
        if (!TLS.equals("none")) {
            trust(System.getenv("LAB_CA_FILE"));
        }
        BufferedReader requests =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.out.println("ready");
        for (String way = requests.readLine(); way != null; way = requests.readLine()) {
            String user = requests.readLine();
            String password = requests.readLine();
            System.out.println("login: " + answer(way, user, password));
        }
    }

    static String answer(String way, String user, String password) throws Exception {
        try {
            return login(way, user, password);
        } catch (AuthenticationException refused) {
            return "refused";
        } catch (NamingException | IOException fault) {
            String text = fault.getClass().getSimpleName() + " " + fault.getMessage();
            return "broken: " + text.replaceAll("\\s+", " ");
        }
    }

    static String login(String way, String user, String password) throws Exception {
        String name = System.getenv("LAB_TEMPLATE").replace("%s", Rdn.escapeValue(user));
        if (way.equals("search")) {
            name = find(user);
            if (name == null) {
                return "refused";
            }
        }
        Session session = new Session(name, password);
        try {
            // As that person, something that everybody may read.
            session.context.getAttributes("", new String[] {"supportedLDAPVersion"});
            return "accepted";
        } finally {
            session.close();
        }
    }

    static String find(String user) throws Exception {
        Session session =
                new Session(System.getenv("LAB_SERVICE_DN"), System.getenv("LAB_SERVICE_PASSWORD"));
        try {
            SearchControls controls = new SearchControls();
            controls.setSearchScope(SearchControls.SUBTREE_SCOPE);
            controls.setReturningAttributes(new String[] {"1.1"});
            // JNDI escapes what is put in for {0}.
            NamingEnumeration<SearchResult> found = session.context.search(
                    System.getenv("LAB_PEOPLE_BASE"), "(uid={0})", new Object[] {user}, controls);
            String name = found.hasMore() ? found.next().getNameInNamespace() : null;
            return found.hasMore() ? null : name;
        } finally {
            session.close();
        }
    }

    /** One connection, bound with one name. */
    static class Session {
        final InitialLdapContext context;
        StartTlsResponse tls;

        Session(String name, String password) throws Exception {
            Hashtable<String, String> settings = new Hashtable<>();
            settings.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
            settings.put(Context.PROVIDER_URL, System.getenv("LAB_URL"));
            settings.put("com.sun.jndi.ldap.connect.timeout", "10000");
            settings.put("com.sun.jndi.ldap.read.timeout", "70000");
            settings.put("com.sun.jndi.ldap.connect.pool", System.getenv("LAB_POOL"));
            if (!TLS.equals("starttls")) {
                // Binds while it is made.
                identify(settings, name, password);
                context = new InitialLdapContext(settings, null);
                return;
            }
            // No bind of any kind before TLS.
            settings.put("java.naming.ldap.version", "3");
            settings.put(Context.SECURITY_AUTHENTICATION, "none");
            context = new InitialLdapContext(settings, null);
            try {
                tls = (StartTlsResponse) context.extendedOperation(new StartTlsRequest());
                tls.negotiate();
                Hashtable<String, String> identity = new Hashtable<>();
                identify(identity, name, password);
                for (String key : identity.keySet()) {
                    context.addToEnvironment(key, identity.get(key));
                }
                context.reconnect(null);
            } catch (Exception fault) {
                close();
                throw fault;
            }
        }

        static void identify(Hashtable<String, String> settings, String name, String password) {
            settings.put(Context.SECURITY_AUTHENTICATION, "simple");
            settings.put(Context.SECURITY_PRINCIPAL, name);
            settings.put(Context.SECURITY_CREDENTIALS, password);
        }

        void close() throws Exception {
            if (tls != null) {
                tls.close();
            }
            context.close();
        }
    }

    /** Makes one authority the only one that this program trusts. */
    static void trust(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream input = new FileInputStream(file)) {
            store.setCertificateEntry("lab", CertificateFactory.getInstance("X.509").generateCertificate(input));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        SSLContext.setDefault(context);
    }
}
