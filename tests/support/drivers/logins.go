// Logs in with pgx: a line of tab-separated values for each login on stdin, a line for each on stdout, which is "in" or
// why not. host, port, user, password, sslmode, channel_binding, root certificate; what is empty is the driver's default.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

func logIn(v []string) string {
	settings := fmt.Sprintf("host=%s port=%s user=%s password=%s dbname=postgres", v[0], v[1], v[2], v[3])
	for i, name := range []string{"sslmode", "channel_binding", "sslrootcert"} {
		if v[4+i] != "" {
			settings += fmt.Sprintf(" %s=%s", name, v[4+i])
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, settings)
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	defer connection.Close(ctx)
	var seen string
	if err := connection.QueryRow(ctx, "SELECT current_user").Scan(&seen); err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	if seen != v[2] {
		return "in as " + seen
	}
	return "in"
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(logIn(strings.Split(in.Text(), "\t")))
	}
}
