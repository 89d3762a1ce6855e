package website;

import io.quarkus.oidc.IdToken;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import org.eclipse.microprofile.jwt.JsonWebToken;

@Path("/")
public class Website {
    @Inject
    @IdToken
    JsonWebToken user;

    @GET
    public String home() {
        return "Signed in as " + user.getClaim("name") + ", " + user.getClaim("email");
    }
}
