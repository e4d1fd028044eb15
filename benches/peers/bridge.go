package main

// The same work as the bridge's, the way Go's standard library suggests it: check the caller and the push,
// sign, forward over pooled connections, map the answer, log one line. It reads the bridge's own variables.

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"
)

const (
	method      = "alibaba.jym.servicecenter.mediation.result.push"
	successRoot = "alibaba_jym_servicecenter_mediation_result_push_response"
	deadline    = 10 * time.Second
)

type service struct {
	gateway, key, secret string
	caller               string
	token                [sha256.Size]byte
	client               *http.Client
}

type said struct {
	SubMsg    string `json:"sub_msg,omitempty"`
	StateCode string `json:"state_code,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

type answer struct {
	CaseID        string       `json:"case_id,omitempty"`
	Code          string       `json:"code,omitempty"`
	Outcome       string       `json:"outcome"`
	CompletedTime string       `json:"completed_time,omitempty"`
	Attempts      int          `json:"attempts,omitempty"`
	Top           *said        `json:"top,omitempty"`
	Errors        []fieldError `json:"errors,omitempty"`
	status        int
}

type logLine struct {
	Timestamp    time.Time `json:"timestamp"`
	Level        string    `json:"level"`
	Message      string    `json:"message"`
	RequestID    string    `json:"request.id"`
	Caller       string    `json:"caller.name"`
	CaseID       string    `json:"push.case_id,omitempty"`
	Outcome      string    `json:"push.outcome"`
	Code         string    `json:"push.code,omitempty"`
	Attempts     int       `json:"push.attempts"`
	Name         string    `json:"push.mediator_name,omitempty"`
	Phone        string    `json:"push.mediator_phone,omitempty"`
	Milliseconds int64     `json:"push.duration_ms"`
	Top          *said     `json:"top,omitempty"`
}

func runBridge([]string) error {
	caller, token, _ := strings.Cut(os.Getenv("BRIDGE_CALLERS"), ":")
	service := &service{
		gateway: os.Getenv("TOP_GATEWAY_URL"), key: os.Getenv("TOP_APP_KEY"), secret: os.Getenv("TOP_APP_SECRET"),
		caller: caller, token: sha256.Sum256([]byte(token)),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8192}},
	}
	http.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	http.HandleFunc("/mediations/", service.handle)
	return http.ListenAndServe(os.Getenv("BRIDGE_BIND"), nil)
}

// handle answers one request and leaves one line in the log.
func (s *service) handle(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	var bits [16]byte
	rand.Read(bits[:])
	id := hex.EncodeToString(bits[:])
	push, answer := s.push(r)
	contentType := "application/json"
	if answer.status != http.StatusOK {
		contentType = "application/problem+json"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Request-Id", id)
	w.WriteHeader(answer.status)
	body, _ := json.Marshal(answer)
	w.Write(body)
	line, _ := json.Marshal(logLine{
		Timestamp: time.Now().UTC(), Level: "INFO", Message: "push", RequestID: id, Caller: s.caller,
		CaseID: answer.CaseID, Outcome: answer.Outcome, Code: answer.Code, Attempts: answer.Attempts,
		Name: masked(push.MediatorName, 1, 0), Phone: masked(push.MediatorPhone, 3, 4),
		Milliseconds: time.Since(begun).Milliseconds(), Top: answer.Top,
	})
	os.Stdout.Write(append(line, '\n'))
}

// push is everything between request and answer.
func (s *service) push(r *http.Request) (push, answer) {
	refuse := func(status int, code string) (push, answer) {
		return push{}, answer{status: status, Code: code, Outcome: "not_executed"}
	}
	token := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	if subtle.ConstantTimeCompare(token[:], s.token[:]) != 1 {
		return refuse(http.StatusUnauthorized, "unauthenticated")
	}
	caseID := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/mediations/"), "/result")
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/result") || !caseName.MatchString(caseID) {
		return refuse(http.StatusNotFound, "not_found")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 262144))
	if err != nil {
		return refuse(http.StatusRequestEntityTooLarge, "payload_too_large")
	}
	result, errors, err := parsePush(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "malformed_json")
	}
	if errors != nil {
		refused := answer{status: http.StatusUnprocessableEntity, Code: "validation_failed", Outcome: "not_executed"}
		refused.Errors = errors
		return result, refused
	}
	result.CaseID = caseID
	mapped := s.forward(r.Context(), result)
	mapped.CaseID, mapped.CompletedTime, mapped.Attempts = caseID, result.CompletedTime, 1
	return result, mapped
}

// forward calls the gateway once and says what its answer means.
func (s *service) forward(ctx context.Context, result push) answer {
	unknown := answer{status: http.StatusBadGateway, Code: "top_bad_response", Outcome: "unknown"}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.gateway, strings.NewReader(s.form(result)))
	if err != nil {
		return unknown
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	response, err := s.client.Do(request)
	if err != nil {
		return unknown
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	var envelope map[string]json.RawMessage
	if err != nil || json.Unmarshal(text, &envelope) != nil || envelope[successRoot] == nil {
		return unknown
	}
	var success struct {
		IsSuccess *bool `json:"is_success"`
		Result    *bool `json:"result"`
		said
	}
	if json.Unmarshal(envelope[successRoot], &success) != nil || success.IsSuccess == nil || success.Result == nil {
		return unknown
	}
	if *success.IsSuccess && *success.Result {
		return answer{status: http.StatusOK, Outcome: "accepted", Top: &success.said}
	}
	return answer{status: http.StatusUnprocessableEntity, Code: "top_rejected", Outcome: "rejected", Top: &success.said}
}

// form is the signed call: MD5 of secret, sorted names and values, secret.
func (s *service) form(result push) string {
	var req bytes.Buffer
	encoder := json.NewEncoder(&req)
	encoder.SetEscapeHTML(false)
	encoder.Encode(result)
	values := url.Values{
		"app_key": {s.key}, "format": {"json"}, "method": {method}, "sign_method": {"md5"}, "v": {"2.0"},
		"timestamp": {time.Now().In(gmt8).Format(topTime)}, "req": {strings.TrimSpace(req.String())},
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	digest := md5.New()
	io.WriteString(digest, s.secret)
	for _, name := range names {
		io.WriteString(digest, name)
		io.WriteString(digest, values.Get(name))
	}
	io.WriteString(digest, s.secret)
	values.Set("sign", strings.ToUpper(hex.EncodeToString(digest.Sum(nil))))
	return values.Encode()
}
