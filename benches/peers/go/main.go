// A webhook receiver with net/http: mutual TLS, the sender's name, a synced file, 200.
// Environment: PORT, SPOOL, DURABLE (file or full), CERTS.
package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
)

const maxBody = 1 << 20

var (
	spool  = os.Getenv("SPOOL")
	full   = os.Getenv("DURABLE") == "full"
	folder *os.File // new/, kept open, which is cheaper
)

func main() {
	certs := os.Getenv("CERTS")
	root, err := os.ReadFile(filepath.Join(certs, "root-ca.pem"))
	must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	folder, err = os.Open(filepath.Join(spool, "new"))
	must(err)

	http.HandleFunc("/webhooks/pix", receive)
	server := &http.Server{
		Addr: "127.0.0.1:" + os.Getenv("PORT"),
		TLSConfig: &tls.Config{
			MinVersion:             tls.VersionTLS13,
			ClientAuth:             tls.RequireAndVerifyClientCert,
			ClientCAs:              roots,
			SessionTicketsDisabled: true, // every handshake in full, like every other server here
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	must(server.ListenAndServeTLS(filepath.Join(certs, "server.pem"), filepath.Join(certs, "server.key")))
}

func receive(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "POST", http.StatusMethodNotAllowed)
		return
	}
	if r.TLS.PeerCertificates[0].Subject.CommonName != "client" {
		http.Error(w, "not you", http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "body", http.StatusRequestEntityTooLarge)
		return
	}
	var id [16]byte
	if _, err = rand.Read(id[:]); err == nil {
		err = store(hex.EncodeToString(id[:])+".json", body)
	}
	if err != nil {
		http.Error(w, "storing", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"%x"}`, id)
}

func store(name string, body []byte) error {
	final := filepath.Join(spool, "new", name)
	if !full {
		return writeSynced(final, body)
	}
	first := filepath.Join(spool, "tmp", name)
	if err := writeSynced(first, body); err != nil {
		return err
	}
	if err := os.Rename(first, final); err != nil {
		return err
	}
	return folder.Sync()
}

func writeSynced(name string, body []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(body); err != nil {
		return err
	}
	return file.Sync()
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
