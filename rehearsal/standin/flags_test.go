package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
)

var statefulSetArguments = []string{
	"--advertise-addr=cockroachdb-0.cockroachdb.cockroachdb.svc.oregon.archipelago.internal:26257",
	"--join=cockroachdb-0.cockroachdb.cockroachdb.svc.oregon.archipelago.internal:26257,b.example",
	"--locality=cloud=aws,region=us-west-2,zone=a", "--cluster-name=archipelago", "--certs-dir=/c", "--max-offset=250ms",
	"--cache=.25", "--max-sql-memory=.25", "--store=/s", "--listen-addr=:26257", "--http-addr=:8080",
	"--logtostderr=INFO",
}

func TestStartUnderstandsWhatTheStatefulSetPasses(t *testing.T) {
	o, err := parseStart(statefulSetArguments)
	must(t, err)
	if o.join[1] != "b.example:26257" || o.listenAddress != ":26257" || o.httpAddress != ":8080" ||
		renderLocality(o.locality) != "cloud=aws,region=us-west-2,zone=a" || o.maxOffset.Milliseconds() != 250 {
		t.Errorf("read as %+v", o)
	}
}

func TestBothFormsOfAFlagMeanTheSameInAnyOrder(t *testing.T) {
	want, err := parseStart(statefulSetArguments)
	must(t, err)
	for range 300 {
		groups := make([][]string, len(statefulSetArguments))
		for i, argument := range statefulSetArguments {
			name, value, _ := strings.Cut(argument, "=")
			groups[i] = []string{argument}
			// As in CockroachDB, the level of --logtostderr can only be given after an equals sign.
			if rand.IntN(2) == 0 && name != "--logtostderr" {
				groups[i] = []string{name, value}
			}
		}
		rand.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
		arguments := slices.Concat(groups...)
		got, err := parseStart(arguments)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: got %+v, %v", arguments, got, err)
		}
	}
}

func TestWrongCommandLinesAreRefusedWithCockroachDBsWords(t *testing.T) {
	for _, c := range []struct{ argument, words string }{
		{"--insecure", "unknown flag: --insecure"},
		{"--x", "unknown flag: --x"},
		{"--x=1", "unknown flag: --x"},
		{"--Join=a", "unknown flag: --Join"},
		{"-j", `unknown shorthand flag: 'j' in -j`},
		{"extra", `unknown command "extra" for "cockroach start"`},
		{"--store", "flag needs an argument: --store"},
		{"--", ""},
		{"--=a", "bad flag syntax: --=a"},
		{"--logtostderr=LOUD", `invalid argument "LOUD" for "--logtostderr" flag`},
		{"--max-offset=250", `invalid argument "250" for "--max-offset" flag`},
		{"--max-offset=-1s", "must be greater than 0"},
		{"--cache=120%", "percentage must be below 100"},
		{"--cache=1.5", "a fraction must be below 1"},
		{"--cache=much", `invalid argument "much" for "--cache" flag`},
		{"--max-sql-memory=0", "must be greater than 0"},
		{"--locality=region", `tier must be in the form "key=value" not "region"`},
		{"--locality=region=", "tier must be"},
		{"--locality=", "can't have empty locality"},
		{"--locality=a=1,a=2", `duplicate tier key "a"`},
		{"--join=a,,b", "no host given"},
		{"--join=a:70000", `invalid port "70000"`},
		{"--join=a b", "invalid host name"},
		{"--join=http://a", "invalid argument"},
		{"--advertise-addr=:26257", "no host given"},
		{"--advertise-addr=a:0", `invalid port "0"`},
		{"--cluster-name=-a", "cluster name must contain"},
		{"--certs-dir=", "no path given"},
		{"--store=path=/x,size=1", "only a plain path"},
		{"--http-addr=::1", "invalid argument"},
	} {
		_, err := parseStart(append(slices.Clone(statefulSetArguments), c.argument))
		switch {
		case c.words == "" && err != nil:
			t.Errorf("%s: %v", c.argument, err)
		case c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words)):
			t.Errorf("%s: got %v, want %q", c.argument, err, c.words)
		}
	}
}

func TestMemorySizesAreTakenInAllOfCockroachDBsForms(t *testing.T) {
	for _, value := range []string{".25", "0.25", "25%", "25.5%", "128MB", "4GiB", "1073741824", "512 MiB", "1g"} {
		if err := checkSize(value); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestJoinAndCertsAreRequired(t *testing.T) {
	if _, err := parseStart([]string{"--advertise-addr=a"}); err == nil || !strings.Contains(err.Error(), "no --join flags") {
		t.Error(err)
	}
	if _, err := parseStart([]string{"--advertise-addr=a", "--join=b"}); err == nil || !strings.Contains(err.Error(), "--certs-dir") {
		t.Error(err)
	}
	if _, err := parseStart([]string{"--join=b", "--certs-dir=c"}); err == nil || !strings.Contains(err.Error(), "--advertise-addr") {
		t.Error(err)
	}
}

func TestAdvertisedPortFollowsTheListeningOne(t *testing.T) {
	o, err := parseStart([]string{"--advertise-addr=A.Example.", "--join=b", "--certs-dir=c", "--listen-addr=:1234"})
	must(t, err)
	if o.advertiseAddress != "a.example:1234" {
		t.Error(o.advertiseAddress)
	}
}

func TestAddressesSurviveASecondReading(t *testing.T) {
	alphabet := "abcZ09-_.:[] /=,"
	accepted := 0
	for range 200_000 {
		text := make([]byte, rand.IntN(10))
		for i := range text {
			text[i] = alphabet[rand.IntN(len(alphabet))]
		}
		once, err := parseAddress(string(text), defaultPort, true)
		if err != nil {
			continue
		}
		accepted++
		twice, err := parseAddress(once, "1", true)
		if err != nil || once != twice {
			t.Fatalf("%q became %q, then %q (%v)", text, once, twice, err)
		}
		if host, port, err := net.SplitHostPort(once); err != nil || host == "" || port == "" || strings.ContainsAny(host, " /=,") {
			t.Fatalf("%q was accepted as %q", text, once)
		}
	}
	if accepted < 1000 {
		t.Fatalf("only %d of the texts were addresses: this test says nothing", accepted)
	}
}
