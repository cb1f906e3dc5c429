package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

type level int

const (
	levelInfo level = iota
	levelWarning
	levelError
	levelFatal
	levelNone
)

var levelNames = map[string]level{
	"INFO": levelInfo, "WARNING": levelWarning, "ERROR": levelError, "FATAL": levelFatal, "NONE": levelNone,
	"DEFAULT": levelInfo,
}

// logger writes one line an event, the level's letter first, and leaves out what is below its threshold.
type logger struct {
	mu        sync.Mutex
	out       io.Writer
	threshold level
}

func newLogger(out io.Writer, threshold level) *logger {
	return &logger{out: out, threshold: threshold}
}

func (l *logger) write(letter, format string, arguments []any) {
	line := fmt.Sprintf(format, arguments...)
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%s%s stand-in: %s\n", letter, time.Now().UTC().Format("060102 15:04:05.000000"), line)
}

// always ignores the threshold: what this program is must be seen at any level.
func (l *logger) always(format string, arguments ...any) { l.write("I", format, arguments) }

func (l *logger) info(format string, arguments ...any) {
	if l.threshold <= levelInfo {
		l.write("I", format, arguments)
	}
}

func (l *logger) warn(format string, arguments ...any) {
	if l.threshold <= levelWarning {
		l.write("W", format, arguments)
	}
}

func (l *logger) error(format string, arguments ...any) {
	if l.threshold <= levelError {
		l.write("E", format, arguments)
	}
}
