// An API server that answers one question, "kubectl auth whoami", with the authenticator and the
// flags of kube-apiserver.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"net/http"
	"os"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

type authority []byte

func (a authority) CurrentCABundleContent() []byte { return a }

func main() {
	issuer := flag.String("oidc-issuer-url", "", "")
	client := flag.String("oidc-client-id", "", "")
	username := flag.String("oidc-username-claim", "sub", "")
	groups := flag.String("oidc-groups-claim", "", "")
	file := flag.String("oidc-ca-file", "", "")
	address := flag.String("address", "", "")
	flag.Parse()
	trusted, err := os.ReadFile(*file)
	if err != nil {
		log.Fatal(err)
	}
	// As k8s.io/kubernetes/pkg/kubeapiserver/options does it: no prefix for email addresses.
	prefix := *issuer + "#"
	if *username == "email" {
		prefix = ""
	}
	none := ""
	tokens, err := oidc.New(context.Background(), oidc.Options{
		CAContentProvider:    authority(trusted),
		SupportedSigningAlgs: []string{"RS256"},
		JWTAuthenticator: apiserver.JWTAuthenticator{
			Issuer: apiserver.Issuer{URL: *issuer, Audiences: []string{*client}},
			ClaimMappings: apiserver.ClaimMappings{
				Username: apiserver.PrefixedClaimOrExpression{Claim: *username, Prefix: &prefix},
				Groups:   apiserver.PrefixedClaimOrExpression{Claim: *groups, Prefix: &none},
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	requests := bearertoken.New(tokens)
	http.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := tokens.HealthCheck(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/whoami", func(w http.ResponseWriter, r *http.Request) {
		answer, ok, err := requests.AuthenticateRequest(r)
		if err != nil {
			log.Print(err)
		}
		if !ok {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{
			"username": answer.User.GetName(), "groups": answer.User.GetGroups(),
		})
	})
	log.Fatal(http.ListenAndServe(*address, nil))
}
