package origin

import "testing"

func TestHosts_AnswerTheirNamesAndThoseOfTheMachine(t *testing.T) {
	hosts := Hosts{"chat.example.org", "restante"}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST": true, "app.localhost:80": true, "localhost.": true,
		"127.0.0.1": true, "127.0.0.1:8080": true, "[::1]": true, "[::1]:8080": true, "192.0.2.7:80": true, "::1": true,
		"chat.example.org": true, "Chat.Example.org:443": true, "chat.example.org.": true, "chat.example.org.:443": true, "restante:8080": true,
		"evil.example:8080": false, "evil.example": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"evillocalhost": false, "localhost:8080:80": false, "": false, ":8080": false, "chat.example.org.evil.example": false,
		"evil-chat.example.org": false, "a.chat.example.org": false, "[::1]evil": false, "chat.example.org@evil": false, "127.0.0.1 ": false,
	} {
		if got := hosts.Answer(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	if (Hosts{}).Answer("restante") {
		t.Error("a name that nobody has said is answered")
	}
}

func TestParseHost(t *testing.T) {
	for text, want := range map[string]string{
		"chat.example.org": "chat.example.org", "Chat.Example.org.": "chat.example.org", "restante": "restante", "xn--bcher-kva.example": "xn--bcher-kva.example",
		"": "", "*": "", "*.example.org": "", "https://chat.example.org": "", "chat.example.org:443": "", "chat.example.org/": "", "bücher.example": "",
		"a b": "", "[::1]": "", "user@chat.example.org": "", ".": "",
	} {
		got, err := ParseHost(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
