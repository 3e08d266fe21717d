package main

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"time"
)

var (
	suffixes = []string{"", " & Söhne <1>", ` "fragile"`, "\t\\", "\u2028漢字 😀"}
	depots   = []string{"NORTH", "SOUTH", "EAST"}
)

// Scan is an event of parcel_scanned. Fields that version 2 adds are not here: the library writes their defaults.
type Scan struct {
	Parcel      string        `avro:"parcel"`
	ScannedAt   time.Time     `avro:"scanned_at"`
	Depot       string        `avro:"depot"`
	Fee         *big.Rat      `avro:"fee"`
	Barcode     int64         `avro:"barcode"`
	Attempts    int           `avro:"attempts"`
	Express     bool          `avro:"express"`
	Celsius     *float64      `avro:"celsius"`
	Courier     string        `avro:"courier"`
	DeliveryDay time.Time     `avro:"delivery_day"`
	OpensAt     time.Duration `avro:"opens_at"` // a time.Duration: an int64 would count as nanoseconds

	// ScannedLocal is a number: the library would convert a time.Time to the time zone of this machine.
	ScannedLocal int64            `avro:"scanned_local"`
	Label        []byte           `avro:"label"`
	Seal         [4]byte          `avro:"seal"`
	Tags         []string         `avro:"tags"`
	Stops        []Stop           `avro:"stops"`
	Counts       map[string]int64 `avro:"counts"`
}

// Stop is a place on the way of a parcel.
type Stop struct {
	City    string `avro:"city"`
	Minutes int    `avro:"minutes"`
}

// NewScan makes event number k of the task.
func NewScan(k int64) Scan {
	scannedAt := 1_767_225_600_000_000 + k*1_500_000 + k%3
	scan := Scan{
		Parcel:       fmt.Sprintf("parcel-%d%s", k, suffixes[k%5]),
		ScannedAt:    time.UnixMicro(scannedAt).UTC(),
		Depot:        depots[k%3],
		Fee:          big.NewRat((k-100)*12_345, 1000),
		Barcode:      (k - 2_500) * 3_000_000_000_000_007,
		Attempts:     int(k%7 - 3),
		Express:      k%2 == 1,
		Courier:      fmt.Sprintf("00000000-0000-4000-8000-%012x", k),
		DeliveryDay:  time.Unix((20_454+k%400)*86_400, 0).UTC(),
		OpensAt:      time.Duration(k*17_000_003%86_400_000_000) * time.Microsecond,
		ScannedLocal: scannedAt + 3_600_000_000,
		Counts:       map[string]int64{},
	}
	if k%4 != 0 {
		celsius := float64(k)/8 - 20
		scan.Celsius = &celsius
	}
	if k%10 != 0 {
		scan.Label = binary.BigEndian.AppendUint32(nil, uint32(k))
	}
	binary.BigEndian.PutUint32(scan.Seal[:], uint32(4_294_967_295-k))
	for number := range k % 4 {
		scan.Tags = append(scan.Tags, fmt.Sprintf("tag-%d", number))
	}
	for number := range k % 3 {
		scan.Stops = append(scan.Stops, Stop{City: fmt.Sprintf("Zürich%d", number), Minutes: int(k * number)})
	}
	if k%5 != 0 {
		scan.Counts = map[string]int64{"a": k, "b": -k, "ç": k * 1_000_000_007}
	}
	return scan
}

// ID is derived from the fields that the contract names in "identity", in their order.
func (s Scan) ID(subject string) string {
	return EventID(subject, s.Parcel, s.ScannedAt, s.Depot, s.Fee)
}
