package main

// The wire contract, as docs/wire.md and docs/identity.md describe it. Copy this file into your own publisher.

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"github.com/google/uuid"
	"github.com/hamba/avro/v2"
)

// namespace is that of all derived ids.
var namespace = uuid.MustParse("6f0f5a0e-3c58-5b6e-9a55-0d8a3d0c7a11")

// encoder writes an array or a map as one block of up to 100,000 items without its size in bytes, as most Avro
// libraries do. The library's own setting, blocks of 100 items with their size, means the same to the reader.
var encoder = avro.Config{BlockLength: 100_000, DisableBlockSizeHeader: true}.Freeze()

// Contract is the schema of a subject in one of its versions.
type Contract struct {
	Subject string
	Version string
	Schema  avro.Schema
}

// ReadContract reads a file such as parcel_scanned.v1.avsc.
func ReadContract(path string) (Contract, error) {
	subject, version, found := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".avsc"), ".v")
	if !found {
		return Contract{}, fmt.Errorf("%s is not named <subject>.v<version>.avsc", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Contract{}, err
	}
	return ParseContract(subject, version, text)
}

// ParseContract parses a schema. Its cache is its own: contracts and versions may define types of the same names.
func ParseContract(subject, version string, text []byte) (Contract, error) {
	schema, err := avro.ParseBytesWithCache(text, "", &avro.SchemaCache{})
	return Contract{Subject: subject, Version: version, Schema: schema}, err
}

// Message makes the message of an event. The time must be that of the event's field, and no finer than its type.
func (c Contract) Message(id, source string, at time.Time, event any) (*pubsub.Message, error) {
	data, err := encoder.Marshal(c.Schema, event)
	if err != nil {
		return nil, err
	}
	return &pubsub.Message{
		Data: data,
		Attributes: map[string]string{
			"ce-specversion": "1.0",
			"ce-id":          id,
			"ce-type":        c.Subject,
			"ce-source":      source,
			"ce-time":        FormatTime(at),
			"ce-dataschema":  "headrace:" + c.Subject + ":" + c.Version,
			"content-type":   "application/avro",
		},
	}, nil
}

// EventID derives the id of an event from the fields that its contract names in "identity".
func EventID(subject string, values ...any) string {
	return uuid.NewSHA1(namespace, []byte(idName(subject, values...))).String()
}

// idName is the text of which the id is the hash. It is not made by encoding/json, which escapes <, >, & and U+2028.
func idName(subject string, values ...any) string {
	var name strings.Builder
	name.WriteString("[")
	writeText(&name, subject)
	for _, value := range values {
		name.WriteString(",")
		switch value := value.(type) {
		case bool, int, int32, int64:
			fmt.Fprint(&name, value)
		case string:
			writeText(&name, value)
		case []byte:
			writeText(&name, fmt.Sprintf("%x", value))
		case time.Time:
			writeText(&name, FormatTime(value))
		case *big.Rat:
			writeText(&name, formatDecimal(value))
		default:
			panic(fmt.Sprintf("a %T cannot identify an event", value))
		}
	}
	name.WriteString("]")
	return name.String()
}

// FormatTime writes a moment as an id needs it: six digits of a second, or none. ce-time may have this form, too.
func FormatTime(at time.Time) string {
	if at = at.UTC(); at.Nanosecond() == 0 {
		return at.Format("2006-01-02T15:04:05Z")
	}
	return at.Format("2006-01-02T15:04:05.000000Z")
}

// formatDecimal writes a decimal number with as few digits as it needs.
func formatDecimal(number *big.Rat) string {
	digits, _ := number.FloatPrec()
	return number.FloatString(digits)
}

func writeText(name *strings.Builder, text string) {
	name.WriteByte('"')
	for _, char := range text {
		switch char {
		case '"', '\\':
			name.WriteByte('\\')
			name.WriteRune(char)
		case '\b':
			name.WriteString(`\b`)
		case '\t':
			name.WriteString(`\t`)
		case '\n':
			name.WriteString(`\n`)
		case '\f':
			name.WriteString(`\f`)
		case '\r':
			name.WriteString(`\r`)
		default:
			if char < ' ' {
				fmt.Fprintf(name, `\u%04x`, char)
			} else {
				name.WriteRune(char)
			}
		}
	}
	name.WriteByte('"')
}
