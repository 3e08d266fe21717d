package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
)

type vectors struct {
	Contracts []struct {
		Subject string
		Version int
		Schema  json.RawMessage
	}
	Vectors []vector
}

type vector struct {
	Name        string
	Subject     string
	Version     int
	Payload     string
	Attributes  map[string]string
	IDName      string `json:"id_name"`
	AnyEncoding bool   `json:"any_encoding"`
	Row         map[string]any
}

func readVectors(t *testing.T) (map[string]Contract, []vector) {
	text, err := os.ReadFile("../../../docs/wire-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var read vectors
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	contracts := map[string]Contract{}
	for _, each := range read.Contracts {
		version := strconv.Itoa(each.Version)
		contract, err := ParseContract(each.Subject, version, each.Schema)
		if err != nil {
			t.Fatal(err)
		}
		contracts[each.Subject+":"+version] = contract
	}
	return contracts, read.Vectors
}

// Each row of the vectors becomes the payload, the id and the attributes that the vector has.
func TestVectors(t *testing.T) {
	contracts, vectors := readVectors(t)
	for _, vector := range vectors {
		if vector.Row == nil || vector.AnyEncoding {
			continue
		}
		t.Run(vector.Name, func(t *testing.T) {
			contract := contracts[vector.Subject+":"+strconv.Itoa(vector.Version)]
			event := recordOf(contract.Schema.(*avro.RecordSchema), vector.Row)
			id := vector.Attributes["ce-id"]
			if vector.IDName != "" {
				values := identity(contract.Schema.(*avro.RecordSchema), event, vector.Row)
				if found := idName(vector.Subject, values...); found != vector.IDName {
					t.Errorf("the name of the id is %s, not %s", found, vector.IDName)
				}
				id = EventID(vector.Subject, values...)
			}
			message, err := contract.Message(id, vector.Attributes["ce-source"], event["at"].(time.Time), event)
			if err != nil {
				t.Fatal(err)
			}
			payload, _ := hex.DecodeString(vector.Payload)
			if !bytes.Equal(message.Data, payload) && !mapsDiffer(t, contract.Schema, message.Data, payload) {
				t.Errorf("the payload is %x, not %s", message.Data, vector.Payload)
			}
			compareAttributes(t, message.Attributes, vector.Attributes)
		})
	}
}

// Go's maps have no order: two payloads of one length and with the same values differ in the order of a map only.
func mapsDiffer(t *testing.T, schema avro.Schema, one, other []byte) bool {
	read := func(payload []byte) any {
		var values map[string]any
		if err := avro.Unmarshal(schema, payload, &values); err != nil {
			t.Fatal(err)
		}
		return values
	}
	return len(one) == len(other) && reflect.DeepEqual(read(one), read(other))
}

// Vectors show other attributes that are accepted, too: then those that this publisher writes need not be there.
// ce-time has many forms, so moments are compared.
func compareAttributes(t *testing.T, written, wanted map[string]string) {
	for name, value := range written {
		other, there := wanted[name]
		switch {
		case there && name == "ce-time":
			one, _ := time.Parse(time.RFC3339Nano, value)
			// Go reads the lower-case t and z, which RFC 3339 allows, in upper case only.
			two, err := time.Parse(time.RFC3339Nano, strings.ToUpper(other))
			if err != nil || !one.Equal(two) {
				t.Errorf("ce-time is %s, not %s", value, other)
			}
		case there && value != other && !strings.EqualFold(name, "content-type"):
			t.Errorf("%s is %q, not %q", name, value, other)
		}
	}
}

// identity is the values of the fields that identify an event. The texts of dates and local times are those of the row.
func identity(schema *avro.RecordSchema, event, row map[string]any) []any {
	types := map[string]avro.Schema{}
	for _, field := range schema.Fields() {
		types[field.Name()] = field.Type()
	}
	annotation := schema.Prop("headrace").(map[string]any)["identity"].(map[string]any)
	var values []any
	for _, each := range annotation["fields"].([]any) {
		name := each.(string)
		switch logicalType(types[name]) {
		case avro.Date, avro.TimeMicros, avro.LocalTimestampMicros:
			values = append(values, row[name])
		default:
			values = append(values, event[name])
		}
	}
	return values
}

func logicalType(schema avro.Schema) avro.LogicalType {
	if typed, ok := schema.(avro.LogicalTypeSchema); ok && typed.Logical() != nil {
		return typed.Logical().Type()
	}
	return ""
}

func recordOf(schema *avro.RecordSchema, row map[string]any) map[string]any {
	event := map[string]any{}
	for _, field := range schema.Fields() {
		value := row[field.Name()]
		if null, there := row[field.Name()+"_is_null"]; there && null == true {
			value = nil // the column of an optional array cannot tell null from an empty array
		}
		event[field.Name()] = valueOf(field.Type(), value)
	}
	return event
}

// valueOf makes the value that the Avro library takes of the JSON that a row has for it.
func valueOf(schema avro.Schema, value any) any {
	switch schema := schema.(type) {
	case *avro.RecordSchema:
		return recordOf(schema, value.(map[string]any))
	case *avro.UnionSchema:
		return branchOf(schema, value)
	case *avro.ArraySchema:
		items := []any{}
		for _, item := range value.([]any) {
			switch schema.Items().(type) {
			case *avro.ArraySchema: // a list in a list is a member of a record
				item = item.(map[string]any)["items"]
			case *avro.UnionSchema:
				item = item.(map[string]any)["value"]
			}
			items = append(items, valueOf(schema.Items(), item))
		}
		return items
	case *avro.MapSchema:
		entries := map[string]any{}
		for _, each := range value.([]any) {
			entry := each.(map[string]any)
			entries[entry["key"].(string)] = valueOf(schema.Values(), entry["value"])
		}
		return entries
	case *avro.EnumSchema:
		return value
	case *avro.FixedSchema:
		if logicalType(schema) == avro.Decimal {
			return decimal(value.(string))
		}
		array := reflect.New(reflect.ArrayOf(schema.Size(), reflect.TypeFor[byte]())).Elem()
		reflect.Copy(array, reflect.ValueOf(unhex(value.(string))))
		return array.Interface()
	}
	primitive := schema.(*avro.PrimitiveSchema)
	switch logicalType(schema) {
	case avro.Decimal:
		return decimal(value.(string))
	case avro.Date:
		return parse("2006-01-02", value.(string))
	case avro.TimeMillis, avro.TimeMicros:
		return parse("15:04:05", value.(string)).Sub(parse("15:04:05", "00:00:00"))
	case avro.TimestampMillis, avro.TimestampMicros:
		return parse(time.RFC3339, value.(string))
	case avro.LocalTimestampMillis:
		return parse("2006-01-02T15:04:05", value.(string)).UnixMilli()
	case avro.LocalTimestampMicros:
		return parse("2006-01-02T15:04:05", value.(string)).UnixMicro()
	}
	switch primitive.Type() {
	case avro.Int, avro.Long:
		number, _ := strconv.ParseInt(value.(string), 10, 64)
		if primitive.Type() == avro.Int {
			return int(number)
		}
		return number
	case avro.Float:
		return float32(double(value))
	case avro.Double:
		return double(value)
	case avro.Bytes:
		return unhex(value.(string))
	}
	return value
}

// branchOf gives the library the branch of a union by its name. A column of several types has a member for each.
func branchOf(schema *avro.UnionSchema, value any) any {
	if value == nil {
		return map[string]any{}
	}
	members, several := value.(map[string]any)
	for _, branch := range schema.Types() {
		if branch.Type() == avro.Null {
			continue
		}
		name := string(branch.Type())
		if named, ok := branch.(avro.NamedSchema); ok {
			name = named.FullName()
		}
		chosen := value
		if several {
			chosen = members[strings.ReplaceAll(name, ".", "_")+"_value"]
		}
		if items, list := chosen.([]any); chosen != nil && !(several && list && len(items) == 0) {
			return map[string]any{name: valueOf(branch, chosen)}
		}
	}
	panic("no branch has a value")
}

func decimal(digits string) *big.Rat {
	number, _ := new(big.Rat).SetString(digits)
	return number
}

func double(value any) float64 {
	if text, ok := value.(string); ok {
		if text == "NaN" {
			return math.Float64frombits(0x7ff8_0000_0000_0000) // math.NaN() has another last bit
		}
		number, _ := strconv.ParseFloat(text, 64) // "Infinity", "-Infinity"
		return number
	}
	return value.(float64)
}

func parse(layout, text string) time.Time {
	at, err := time.Parse(layout, text)
	if err != nil {
		panic(err)
	}
	return at
}

func unhex(digits string) []byte {
	data, _ := hex.DecodeString(digits)
	return data
}
