package website;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.http.MediaType;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class Website {
    public static void main(String[] arguments) {
        SpringApplication.run(Website.class, arguments);
    }

    /** Users sign in where a page asks for it, and out at /logout: here, and at the provider. */
    @Bean
    SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
        var signOut = new OidcClientInitiatedLogoutSuccessHandler(clients);
        signOut.setPostLogoutRedirectUri("http://localhost:5007/");
        return http
            .authorizeHttpRequests(requests -> requests
                .requestMatchers("/").permitAll()
                .anyRequest().authenticated())
            .oauth2Login(Customizer.withDefaults())
            .logout(logout -> logout.logoutSuccessHandler(signOut))
            .build();
    }

    @GetMapping(value = "/", produces = MediaType.TEXT_PLAIN_VALUE)
    String home() {
        return "Open /user to sign in, and /logout to sign out.";
    }

    @GetMapping(value = "/user", produces = MediaType.TEXT_PLAIN_VALUE)
    String user(@AuthenticationPrincipal OidcUser user) {
        return "Signed in as " + user.getFullName() + ", " + user.getEmail();
    }
}
