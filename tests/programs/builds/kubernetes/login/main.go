// Gets an ID token for kubectl with the flags of kubelogin and in its way: a local server, the
// authorization code flow with PKCE and a nonce, and a refresh token in a cache.
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

type scopes []string

func (s *scopes) String() string { return "" }

func (s *scopes) Set(scope string) error {
	*s = append(*s, scope)
	return nil
}

func main() {
	wanted := scopes{oidc.ScopeOpenID}
	issuer := flag.String("oidc-issuer-url", "", "")
	client := flag.String("oidc-client-id", "", "")
	authority := flag.String("certificate-authority", "", "")
	address := flag.String("listen-address", "127.0.0.1:8000", "")
	cache := flag.String("token-cache-dir", "", "")
	flag.Var(&wanted, "oidc-extra-scope", "")
	flag.Parse()

	ctx := oidc.ClientContext(context.Background(), trusting(*authority))
	provider, err := oidc.NewProvider(ctx, *issuer)
	check(err)
	_, port, err := net.SplitHostPort(*address)
	check(err)
	config := oauth2.Config{
		ClientID:    *client,
		Endpoint:    provider.Endpoint(),
		RedirectURL: "http://localhost:" + port,
		Scopes:      wanted,
	}
	file := filepath.Join(*cache, "refresh-token")
	nonce := ""
	var token *oauth2.Token
	if cached, err := os.ReadFile(file); err == nil {
		token, err = config.TokenSource(ctx, &oauth2.Token{RefreshToken: string(cached)}).Token()
		check(err)
	} else {
		nonce = rand.Text()
		token, err = askTheUser(ctx, config, *address, nonce)
		check(err)
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: *client}).Verify(ctx, raw)
	check(err)
	if nonce != "" && idToken.Nonce != nonce {
		log.Fatal("the ID token has another nonce")
	}
	check(os.WriteFile(file, []byte(token.RefreshToken), 0o600))
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"apiVersion": "client.authentication.k8s.io/v1",
		"kind":       "ExecCredential",
		"status":     map[string]any{"token": raw, "expirationTimestamp": idToken.Expiry},
	})
}

// askTheUser serves an address that leads to the provider, and returns the tokens for the code that
// comes back to it.
func askTheUser(ctx context.Context, config oauth2.Config, address, nonce string) (*oauth2.Token, error) {
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	answers := make(chan map[string]string, 1)
	server := http.Server{Addr: address}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if !q.Has("code") && !q.Has("error") {
			options := []oauth2.AuthCodeOption{oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)}
			http.Redirect(w, r, config.AuthCodeURL(state, options...), http.StatusFound)
			return
		}
		fmt.Fprintln(w, "Authenticated")
		answers <- map[string]string{"state": q.Get("state"), "code": q.Get("code"), "error": q.Get("error")}
	})
	go server.ListenAndServe()
	answer := <-answers
	server.Shutdown(ctx)
	if answer["state"] != state || answer["error"] != "" {
		return nil, errors.New("the answer is not the one asked for: " + answer["error"])
	}
	return config.Exchange(ctx, answer["code"], oauth2.VerifierOption(verifier))
}

func trusting(file string) *http.Client {
	certificates, err := os.ReadFile(file)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificates)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
