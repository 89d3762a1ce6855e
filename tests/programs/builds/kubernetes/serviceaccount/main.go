// Prints the keys of a cluster, and tokens of the service accounts that the arguments name, as the
// API server makes them for projected volumes. The names are those of its own library.
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"flag"
	"log"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

type reference struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// As k8s.io/kubernetes/pkg/serviceaccount has them.
type bound struct {
	Kubernetes struct {
		Namespace      string    `json:"namespace"`
		Node           reference `json:"node"`
		Pod            reference `json:"pod"`
		ServiceAccount reference `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

func main() {
	issuer := flag.String("issuer", "", "")
	audience := flag.String("audience", "", "")
	flag.Parse()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	private := jose.JSONWebKey{Key: key, KeyID: "cluster-key", Algorithm: "RS256", Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: private}, nil)
	if err != nil {
		log.Fatal(err)
	}
	tokens := map[string]string{}
	for _, subject := range flag.Args() {
		namespace, name, err := serviceaccount.SplitUsername(subject)
		if err != nil {
			log.Fatal(err)
		}
		now := time.Now()
		var own bound
		own.Kubernetes.Namespace = namespace
		own.Kubernetes.ServiceAccount = reference{name, "d7e2a6e0-0d5a-4c57-9a5b-6f1a4b7c9d11"}
		own.Kubernetes.Pod = reference{name + "-7c9d", "5b1e0f1c-33a7-4b1f-8f55-1b9e3e6c0a55"}
		own.Kubernetes.Node = reference{"node-1", "9a3f7f55-8a0e-4e0c-bb7b-0d6c1c9b2f3e"}
		claims := jwt.Claims{
			Issuer:    *issuer,
			Subject:   serviceaccount.MakeUsername(namespace, name),
			Audience:  jwt.Audience{*audience},
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			Expiry:    jwt.NewNumericDate(now.Add(time.Hour)),
			ID:        "f2a5b3f0-8a55-4c2c-a1a5-" + name,
		}
		token, err := jwt.Signed(signer).Claims(claims).Claims(own).Serialize()
		if err != nil {
			log.Fatal(err)
		}
		tokens[subject] = token
	}
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}
	answer := map[string]any{"jwks": keys, "tokens": tokens}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		log.Fatal(err)
	}
}
