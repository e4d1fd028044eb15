package main

// A push as the Go service reads it: strictly, member by member, every mistake told at once.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const topTime = "2006-01-02 15:04:05"

var gmt8 = time.FixedZone("GMT+8", 8*3600)

type push struct {
	CaseID        string `json:"mediation_case_id"`
	Result        string `json:"result"`
	WorkNumber    string `json:"work_number,omitempty"`
	CompletedTime string `json:"completed_time,omitempty"`
	MediatorName  string `json:"mediator_name,omitempty"`
	MediatorPhone string `json:"mediator_phone,omitempty"`
	Content       string `json:"content,omitempty"`
}

type fieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// parsePush reads the body: an error for what is no JSON object, field errors for what breaks a rule.
func parsePush(body []byte) (push, []fieldError, error) {
	var result push
	fields := map[string]*string{
		"result": &result.Result, "work_number": &result.WorkNumber, "completed_time": &result.CompletedTime,
		"mediator_name": &result.MediatorName, "mediator_phone": &result.MediatorPhone, "content": &result.Content,
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') || !utf8.Valid(body) {
		return result, nil, errors.New("no JSON object")
	}
	var wrong []fieldError
	seen := make(map[string]bool, len(fields))
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return result, nil, err
		}
		var value interface{}
		if err := decoder.Decode(&value); err != nil {
			return result, nil, err
		}
		key := name.(string)
		if detail := take(fields[key], key, value, seen[key]); detail != "" {
			wrong = append(wrong, fieldError{"/" + key, detail})
		}
		seen[key] = true
	}
	if _, err := decoder.Token(); err != nil {
		return result, nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return result, nil, errors.New("something follows the object")
	}
	if result.Result == "" && !seen["result"] {
		wrong = append(wrong, fieldError{"/result", "is required"})
	}
	return result, wrong, nil
}

// take stores a member's value, or says what is wrong with it.
func take(field *string, name string, value interface{}, repeated bool) string {
	text, isText := value.(string)
	switch {
	case field == nil:
		return "is unknown"
	case repeated:
		return "is repeated"
	case value == nil && name != "result":
		return ""
	case !isText:
		return "must be a string"
	}
	*field = text
	switch name {
	case "completed_time":
		return convertTime(field)
	case "mediator_phone":
		return checkPhone(text)
	case "content":
		return checkText(text, 10000, "\r\n\t")
	}
	return checkText(text, 64, "")
}

func checkText(text string, max int, allowed string) string {
	control := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(allowed, r) }
	switch {
	case utf8.RuneCountInString(text) > max:
		return fmt.Sprintf("must have at most %d characters", max)
	case strings.IndexFunc(text, control) >= 0:
		return "must not hold control characters"
	case strings.TrimSpace(text) == "":
		return "must not be blank"
	}
	return ""
}

var caseName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func checkPhone(text string) string {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	strange := func(r rune) bool { return !isDigit(r) && !strings.ContainsRune(" +-()#*,x", r) }
	digits := 0
	for _, r := range text {
		if isDigit(r) {
			digits++
		}
	}
	if digits < 3 || len(text) > 32 || strings.IndexFunc(text, strange) >= 0 {
		return "must have 3 digits, at most 32 characters, and only digits, spaces, + - ( ) # * , and x"
	}
	return ""
}

// convertTime takes the three spellings and leaves TOP's own, in GMT+8.
func convertTime(field *string) string {
	for _, layout := range []string{time.RFC3339, topTime, "2006-01-02T15:04:05"} {
		parsed, err := time.ParseInLocation(layout, *field, gmt8)
		if local := parsed.In(gmt8); err == nil && local.Year() >= 2000 && local.Year() <= 2099 {
			*field = local.Format(topTime)
			return ""
		}
	}
	return "must be a time such as 2025-11-16T16:00:00Z"
}

// masked leaves a few characters at the front and at the end.
func masked(text string, front, end int) string {
	runes := []rune(text)
	if len(runes) <= front+end {
		return strings.Repeat("*", len(runes))
	}
	return string(runes[:front]) + "****" + string(runes[len(runes)-end:])
}
