package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPort     = "26257"
	defaultHTTPPort = "8080"
)

var errHelp = errors.New("help requested")

// startOptions is a checked command line of `start`.
type startOptions struct {
	advertiseAddress string // host:port, what the other nodes dial
	listenAddress    string // host:port, host may be empty
	httpAddress      string // host:port, host may be empty
	join             []string
	locality         []tier
	clusterName      string
	certsFolder      string
	storeFolder      string
	maxOffset        time.Duration
	logLevel         level
}

// tier is one key=value of a locality, outermost first.
type tier struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// flagDefinition takes one flag's value. whenBare is the value of a flag given without one; empty means that a value
// is required, and may then follow as the next argument.
type flagDefinition struct {
	set      func(value string) error
	whenBare string
}

// parseFlags reads GNU long flags, `--name=value` and `--name value`, with the messages CockroachDB gives.
func parseFlags(command string, arguments []string, definitions map[string]flagDefinition) error {
	for i := 0; i < len(arguments); i++ {
		argument := arguments[i]
		if argument == "--help" || argument == "-h" {
			return errHelp
		}
		if !strings.HasPrefix(argument, "-") || argument == "-" {
			return fmt.Errorf("unknown command %q for \"cockroach %s\"", argument, command)
		}
		if argument == "--" {
			if i+1 < len(arguments) {
				return fmt.Errorf("unknown command %q for \"cockroach %s\"", arguments[i+1], command)
			}
			return nil
		}
		if !strings.HasPrefix(argument, "--") {
			return fmt.Errorf("unknown shorthand flag: %q in %s", argument[1], argument)
		}
		name, value, hasValue := strings.Cut(argument[2:], "=")
		definition, known := definitions[name]
		switch {
		case name == "":
			return fmt.Errorf("bad flag syntax: %s", argument)
		case !known:
			return fmt.Errorf("unknown flag: --%s", name)
		case !hasValue && definition.whenBare != "":
			value = definition.whenBare
		case !hasValue && i+1 == len(arguments):
			return fmt.Errorf("flag needs an argument: --%s", name)
		case !hasValue:
			i++
			value = arguments[i]
		}
		if err := definition.set(value); err != nil {
			return fmt.Errorf("invalid argument %q for \"--%s\" flag: %w", value, name, err)
		}
	}
	return nil
}

// parseStart checks the command line of `start`. Only the flags that the StatefulSet uses exist: any other is an error,
// so that a flag CockroachDB would not know cannot slip in.
func parseStart(arguments []string) (startOptions, error) {
	o := startOptions{listenAddress: ":" + defaultPort, httpAddress: ":" + defaultHTTPPort, maxOffset: 500 * time.Millisecond}
	err := parseFlags("start", arguments, map[string]flagDefinition{
		"advertise-addr": {set: func(v string) (err error) {
			o.advertiseAddress, err = parseAddress(v, "", true)
			return err
		}},
		"listen-addr": {set: func(v string) (err error) {
			o.listenAddress, err = parseAddress(v, defaultPort, false)
			return err
		}},
		"http-addr": {set: func(v string) (err error) {
			o.httpAddress, err = parseAddress(v, defaultHTTPPort, false)
			return err
		}},
		"join": {set: func(v string) error {
			addresses, err := parseJoin(v)
			o.join = append(o.join, addresses...)
			return err
		}},
		"locality": {set: func(v string) (err error) {
			o.locality, err = parseLocality(v)
			return err
		}},
		"cluster-name":   {set: func(v string) error { return setClusterName(&o.clusterName, v) }},
		"certs-dir":      {set: func(v string) error { return setFolder(&o.certsFolder, v) }},
		"store":          {set: func(v string) error { return setFolder(&o.storeFolder, strings.TrimPrefix(v, "path=")) }},
		"max-offset":     {set: func(v string) error { return setDuration(&o.maxOffset, v) }},
		"cache":          {set: checkSize},
		"max-sql-memory": {set: checkSize},
		"logtostderr": {whenBare: "INFO", set: func(v string) error {
			chosen, known := levelNames[strings.ToUpper(v)]
			if !known {
				return errors.New("unknown log level; allowed: INFO, WARNING, ERROR, FATAL, NONE")
			}
			o.logLevel = chosen
			return nil
		}},
	})
	if err != nil {
		return o, err
	}
	return o, o.complete()
}

// complete fills what follows from other flags and refuses what CockroachDB would not start with.
func (o *startOptions) complete() error {
	if len(o.join) == 0 {
		return errors.New("no --join flags provided to 'cockroach start'")
	}
	if o.certsFolder == "" {
		return errors.New("--certs-dir is required: the stand-in knows no insecure mode")
	}
	if o.storeFolder == "" {
		o.storeFolder = "cockroach-data"
	}
	if o.advertiseAddress == "" {
		o.advertiseAddress = o.listenAddress
	}
	host, port, _ := net.SplitHostPort(o.advertiseAddress)
	if port == "" {
		_, port, _ = net.SplitHostPort(o.listenAddress)
	}
	if host == "" {
		return errors.New("--advertise-addr is required when --listen-addr names no host")
	}
	o.advertiseAddress = net.JoinHostPort(host, port)
	return nil
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// parseAddress reads `host`, `host:port` or `:port`, an IPv6 host in brackets, and returns host:port in lower case.
func parseAddress(value, fallbackPort string, hostRequired bool) (string, error) {
	host, port := value, ""
	if strings.Contains(value, ":") {
		var err error
		if host, port, err = net.SplitHostPort(value); err != nil {
			return "", err
		}
	}
	if port == "" {
		port = fallbackPort
	}
	if port != "" {
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || (hostRequired && number == 0) {
			return "", fmt.Errorf("invalid port %q", port)
		}
	}
	if host == "" && hostRequired {
		return "", errors.New("no host given")
	}
	if host != "" && net.ParseIP(host) == nil && (len(host) > 253 || !hostPattern.MatchString(host)) {
		return "", fmt.Errorf("invalid host name %q", host)
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port), nil
}

// parseJoin reads a comma-separated list of addresses; the port is 26257 where none is given.
func parseJoin(value string) ([]string, error) {
	var addresses []string
	for _, entry := range strings.Split(value, ",") {
		address, err := parseAddress(strings.TrimSpace(entry), defaultPort, true)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

// parseLocality reads `key=value,…`, outermost first; keys must differ.
func parseLocality(value string) ([]tier, error) {
	if value == "" {
		return nil, errors.New("can't have empty locality")
	}
	seen := map[string]bool{}
	var tiers []tier
	for _, entry := range strings.Split(value, ",") {
		key, content, ok := strings.Cut(entry, "=")
		if !ok || key == "" || content == "" || strings.Contains(content, "=") {
			return nil, fmt.Errorf("tier must be in the form \"key=value\" not %q", entry)
		}
		if seen[key] {
			return nil, fmt.Errorf("duplicate tier key %q", key)
		}
		seen[key] = true
		tiers = append(tiers, tier{Key: key, Value: content})
	}
	return tiers, nil
}

var sizePattern = regexp.MustCompile(`(?i)^([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*(%|[kmgtp]?i?b?)$`)

// checkSize accepts what CockroachDB takes for memory: a fraction below 1, a percentage below 100, a number of bytes.
func checkSize(value string) error {
	match := sizePattern.FindStringSubmatch(value)
	if match == nil {
		return errors.New("could not parse it as a fraction, percentage or number of bytes")
	}
	number, err := strconv.ParseFloat(match[1], 64)
	switch {
	case err != nil || number <= 0:
		return errors.New("must be greater than 0")
	case match[3] == "%" && number >= 100:
		return errors.New("percentage must be below 100")
	case match[3] == "" && number >= 1 && strings.Contains(value, "."):
		return errors.New("a fraction must be below 1")
	}
	return nil
}

var clusterNamePattern = regexp.MustCompile(`^[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$`)

func setClusterName(into *string, value string) error {
	if value == "" || len(value) > 256 || !clusterNamePattern.MatchString(value) {
		return errors.New("cluster name must contain only letters, numbers and hyphens, start with a letter, " +
			"not end with a hyphen, at most 256 characters")
	}
	*into = value
	return nil
}

func setFolder(into *string, value string) error {
	if value == "" {
		return errors.New("no path given")
	}
	if strings.ContainsAny(value, ",=") {
		return errors.New("only a plain path is understood here")
	}
	absolute, err := filepath.Abs(value)
	*into = absolute
	return err
}

func setDuration(into *time.Duration, value string) error {
	duration, err := time.ParseDuration(value)
	if err == nil && duration <= 0 {
		err = errors.New("must be greater than 0")
	}
	*into = duration
	return err
}
