// Prints the bundle of a trust domain, and JWT-SVIDs of the workloads that the arguments name, each
// of which go-spiffe validates first.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"flag"
	"log"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
)

func main() {
	domain := flag.String("domain", "", "")
	audience := flag.String("audience", "", "")
	flag.Parse()
	trusted, err := spiffeid.TrustDomainFromString(*domain)
	fail(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	bundle := spiffebundle.New(trusted)
	bundle.SetSequenceNumber(1)
	bundle.SetRefreshHint(time.Minute)
	fail(bundle.AddJWTAuthority("authority-1", key.Public()))
	header := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "authority-1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, header)
	fail(err)
	tokens := map[string]string{}
	for _, name := range flag.Args() {
		id, err := spiffeid.FromString(name)
		fail(err)
		now := time.Now()
		// As SPIRE makes them: no iss, and no jti.
		token, err := jwt.Signed(signer).Claims(jwt.Claims{
			Subject:  id.String(),
			Audience: jwt.Audience{*audience},
			IssuedAt: jwt.NewNumericDate(now),
			Expiry:   jwt.NewNumericDate(now.Add(5 * time.Minute)),
		}).Serialize()
		fail(err)
		if id.MemberOf(trusted) {
			_, err = jwtsvid.ParseAndValidate(token, bundle, []string{*audience})
			fail(err)
		}
		tokens[name] = token
	}
	document, err := bundle.Marshal()
	fail(err)
	answer := map[string]any{"bundle": json.RawMessage(document), "tokens": tokens}
	fail(json.NewEncoder(os.Stdout).Encode(answer))
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
