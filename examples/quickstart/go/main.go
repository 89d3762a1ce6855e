// Sign users in with Go and coreos/go-oidc.
//
// $ go mod init example.com/website && go get github.com/coreos/go-oidc/v3/oidc golang.org/x/oauth2
// $ OIDC_CLIENT_SECRET=… go run .

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// The app's own address. Users sign in at /login, and out at /logout.
const home = "http://localhost:5008/"

type user struct {
	Subject string `json:"sub"`
	Name    string `json:"name"`
	Email   string `json:"email"`
}

// A browser: what the answer is compared with, and then the user who signed in.
type visit struct {
	state, nonce, verifier, idToken string
	user                            *user
}

// Without a store, a restart signs all users out. On a server: a store, and secure cookies.
var visits sync.Map

func remember(w http.ResponseWriter, v visit) {
	id := rand.Text()
	visits.Store(id, v)
	http.SetCookie(w, &http.Cookie{
		Name: "visit", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Forget a visit and return it: a sign-in begins a new one.
func forget(r *http.Request) (v visit) {
	if cookie, err := r.Cookie("visit"); err == nil {
		if known, ok := visits.LoadAndDelete(cookie.Value); ok {
			v = known.(visit)
		}
	}
	return v
}

func main() {
	provider, err := oidc.NewProvider(context.Background(), "https://id.example.com")
	if err != nil {
		log.Fatal(err)
	}
	var discovered struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&discovered); err != nil {
		log.Fatal(err)
	}
	config := oauth2.Config{
		ClientID:     "your-client-id",
		ClientSecret: os.Getenv("OIDC_CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  home + "callback",
		Scopes:       []string{oidc.ScopeOpenID, "profile", "email"},
	}
	tokens := provider.Verifier(&oidc.Config{ClientID: config.ClientID})

	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		var signedIn *user
		if cookie, err := r.Cookie("visit"); err == nil {
			if known, ok := visits.Load(cookie.Value); ok {
				signedIn = known.(visit).user
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]*user{"signed_in": signedIn})
	})

	// Send the user to the provider.
	http.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		v := visit{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
		remember(w, v)
		address := config.AuthCodeURL(v.state, oidc.Nonce(v.nonce), oauth2.S256ChallengeOption(v.verifier))
		http.Redirect(w, r, address, http.StatusFound)
	})

	// Take them back.
	http.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		v, came := forget(r), r.URL.Query()
		if v.state == "" || came.Get("state") != v.state {
			http.Error(w, "This is no answer to a sign-in that began here.", http.StatusBadRequest)
			return
		}
		if came.Has("error") { // also that the user said no
			http.Error(w, came.Get("error")+": "+came.Get("error_description"), http.StatusBadRequest)
			return
		}
		token, err := config.Exchange(r.Context(), came.Get("code"), oauth2.VerifierOption(v.verifier))
		if err != nil {
			http.Error(w, "The code was not exchanged: "+err.Error(), http.StatusBadRequest)
			return
		}
		raw, _ := token.Extra("id_token").(string)
		idToken, err := tokens.Verify(r.Context(), raw)
		if err != nil || idToken.Nonce != v.nonce {
			http.Error(w, "The ID token is not valid.", http.StatusBadRequest)
			return
		}
		signedIn := new(user)
		if err := idToken.Claims(signedIn); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		remember(w, visit{idToken: raw, user: signedIn})
		http.Redirect(w, r, home, http.StatusFound)
	})

	// Sign the user out here, and at the provider.
	http.HandleFunc("GET /logout", func(w http.ResponseWriter, r *http.Request) {
		query := url.Values{"client_id": {config.ClientID}, "post_logout_redirect_uri": {home}}
		if v := forget(r); v.idToken != "" {
			query.Set("id_token_hint", v.idToken)
		}
		http.Redirect(w, r, discovered.EndSession+"?"+query.Encode(), http.StatusFound)
	})

	host := strings.TrimSuffix(strings.SplitAfter(home, "://")[1], "/")
	log.Fatal(http.ListenAndServe(host, nil))
}
