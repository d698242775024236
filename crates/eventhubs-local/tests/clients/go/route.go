// How the server is reached: over plain TCP, TLS or WebSocket.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
	"github.com/coder/websocket"
)

// way is what a client's options take; all of it is empty for plain TCP.
type way struct {
	endpoint string
	tls      *tls.Config
	dial     func(context.Context, azeventhubs.WebSocketConnParams) (net.Conn, error)
}

func route() way {
	if transport == "plain" {
		return way{}
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(got(os.ReadFile(os.Getenv("CLIENT_CA")))) {
		panic("no certificate in CLIENT_CA")
	}
	trust := &tls.Config{RootCAs: authorities, ServerName: "localhost"}
	endpoint := os.Getenv("CLIENT_ENDPOINT")
	if transport == "tls" {
		return way{endpoint: endpoint, tls: trust}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	return way{dial: func(ctx context.Context, _ azeventhubs.WebSocketConnParams) (net.Conn, error) {
		options := &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"amqp"}}
		socket, _, err := websocket.Dial(ctx, "wss://"+endpoint+"/$servicebus/websocket/", options)
		if err != nil {
			return nil, err
		}
		// Of the connection's life, not of the dialling's.
		return websocket.NetConn(context.Background(), socket, websocket.MessageBinary), nil
	}}
}
