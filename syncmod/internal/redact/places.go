package redact

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/multiformats/go-multiaddr"
)

// quotes may begin a text that ends with the other half of the quote.
const quotes = "\"'`“‘«"

// quoteEnds has the other half of each quote and bracket.
var quoteEnds = map[rune]string{
	'"': `"`, '\'': `'`, '`': "`", '“': "”", '‘': "’", '«': "»", '[': "]", '{': "}", '<': ">", '|': "|",
}

// afterText may follow a word without being part of it.
const afterText = ")]}>\"'`,;:.!?|…»”’"

// runLength returns the length of the text up to the next space, without punctuation at its end.
func runLength(rest, _ string) int {
	run, _, _ := strings.Cut(rest, " ")
	return trimmedLength(run)
}

// trimmedLength returns the length of a text without punctuation at its end.
func trimmedLength(s string) int {
	trimmed := strings.TrimRight(s, afterText)
	for _, placeholder := range []string{hidden, hiddenPath} {
		if end := len(placeholder) - 1; strings.HasSuffix(trimmed, placeholder[:end]) && s != trimmed {
			return len(trimmed) + len(placeholder) - end
		}
	}
	return len(trimmed)
}

// quotedLength returns the length of the text up to the other half of the quote before it.
func quotedLength(rest, before string) int {
	quote, size := utf8.DecodeLastRuneInString(before)
	end := quoteEnds[quote]
	escaped := strings.HasSuffix(before[:len(before)-size], `\`)
	for i := 0; i < len(rest); i++ {
		switch {
		case strings.HasPrefix(rest[i:], end):
			return i
		case rest[i] == '\\' && escaped && strings.HasPrefix(rest[i+1:], end):
			return i
		case rest[i] == '\\':
			i++
		}
	}
	return len(rest)
}

func endsWithQuote(s string) bool {
	last, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && strings.ContainsRune(quotes, last)
}

const urlHostPort = `(?:\[[\w:.%]*\]|[\pL\pN._-]*)(?::\d{0,5})?`

var (
	urlStart = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)`)
	urlHost  = regexp.MustCompile(`^` + urlHostPort + `(?:,` + urlHostPort + `)*$`)
	urlWord  = regexp.MustCompile(`^(?:[a-z][a-z_-]{0,23}(?:\.[a-z]{1,5})?|(?:eth|v)\d{1,2}|\d{1,6}|` + hidden + `)?$`)
)

func urlLength(rest, before string) int {
	if endsWithQuote(before) {
		return quotedLength(rest, before)
	}
	return runLength(rest, before)
}

// webSchemes are the schemes of URLs whose paths do not name files.
var webSchemes = []string{"http://", "https://", "ws://", "wss://"}

// tellURL returns the scheme and the host of a URL, and the words in the path of a web URL.
func tellURL(text string) (string, bool) {
	scheme, rest, _ := strings.Cut(text, "://")
	scheme += "://"
	if strings.EqualFold(scheme, "file://") || strings.EqualFold(scheme, "unix://") {
		return scheme + hiddenPath, true
	}
	userEnd, hostEnd := strings.LastIndex(rest, "@")+1, strings.IndexAny(rest, `/?#\;`)
	if hostEnd < 0 {
		hostEnd = len(rest)
	}
	if userEnd > hostEnd { // a password may contain a slash
		return scheme + hidden, true
	}
	host, path := rest[userEnd:hostEnd], rest[hostEnd:]
	if !urlHost.MatchString(host) || slices.ContainsFunc(tokenPattern.FindAllString(host, -1), isRandom) {
		return scheme + hidden, true
	}
	if end := strings.IndexAny(path, `?#\;`); end >= 0 {
		path = path[:end]
	}
	if !slices.Contains(webSchemes, strings.ToLower(scheme)) {
		if strings.TrimPrefix(path, "/") != "" {
			path = "/" + hiddenPath
		}
		return scheme + host + path, true
	}
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if !urlWord.MatchString(segment) {
			segments[i] = hidden
		}
	}
	return scheme + host + strings.Join(segments, "/"), true
}

// A user before a host, with or without a password, as mysql or mail write it.
var userPattern = regexp.MustCompile("[\"'`(\\[{<“‘]*([^\\s\"'`(\\[{<“‘]\\S*)@\\S")

// The protocols of addresses that are shown. Those with file paths are not among them.
var toldProtocols = []string{
	"ip4", "ip6", "ip6zone", "dns", "dns4", "dns6", "dnsaddr", "tcp", "udp", "quic", "quic-v1", "ws", "wss", "tls",
	"sni", "noise", "http", "https", "webtransport", "webrtc", "webrtc-direct", "certhash", "p2p", "p2p-circuit",
}

var multiaddrPattern = regexp.MustCompile(`(?:^|[^\pL\pN_/.-])(/(?:ip4|ip6|ip6zone|dns|dns4|dns6|dnsaddr|p2p)/` +
	"[^\\s\"'`<>|,;()\\[\\]{}]+)")

func keepMultiaddr(text string) (string, bool) {
	address, err := multiaddr.NewMultiaddr(strings.TrimRight(text, ":.…"))
	if err != nil {
		return "", false
	}
	known := true
	multiaddr.ForEach(address, func(c multiaddr.Component) bool {
		known = slices.Contains(toldProtocols, c.Protocol().Name)
		return known
	})
	return text, known
}

// How a path begins: at a root, a home, this directory or the one above it, a drive, another machine, or a variable.
const pathBegins = `(/+[^\s/]|~[\w-]*[/\\]|\.{1,2}[/\\]|[A-Za-z]:[/\\]|\\{2,}[^\s\\"']|\$\{?\w+\}?[/\\]|%\w+%[/\\])`

var (
	quotedPathStart = regexp.MustCompile("[" + quotes + "]" + pathBegins)
	// A quoted text with two or more separators, or with the ending of a file.
	quotedRelative = regexp.MustCompile("[\"'`]" +
		"((?:[^\"'`/\\\\]*[^\"'`/\\\\\\s](?:/|\\\\\\\\|\\\\[^ntrxu\"'\\\\])){2,}[^\"'`]*|" +
		"[^\"'`]*[\\pL\\pN_-][/\\\\][^\"'`/\\\\]*\\.[A-Za-z]\\w*)[\"'`]")
	pathStart = regexp.MustCompile(`(?:^|[^\pL\pN_+\-./\\~%$])` + pathBegins)
	// A path directly after an option or a plus.
	flagPathStart = regexp.MustCompile("(?:^|[\\s\"'`(\\[{,=])(?:--?[A-Za-z]|\\+)" + pathBegins)
	// A path that was encoded for a URL.
	encodedPath = regexp.MustCompile("(?i)([^\\s\"'`=&?(\\[{<]*%(?:25)*(?:2F|5C)[^\\s\"'`&)\\]}>]*)")
	// A relative path to a file.
	filePattern = regexp.MustCompile(`((?:[\pL\pN_.~-]+(?:/|\\+))+[\pL\pN_-]+\.[A-Za-z]\w*)`)
	// A relative path with two or more separators.
	relativePattern = regexp.MustCompile(`([\pL\pN_.~-]+(?:(?:/|\\{2,}|\\[^ntrxuU"'\\\s])[\pL\pN_.~-]*){2,})`)
	numbers         = regexp.MustCompile(`^[\d/.-]+$`)
	// The operations that package os puts before a path. The path may contain spaces.
	osOperation = regexp.MustCompile(`(?:^|[\s:("'])(?:open|openat|openfdat|stat|lstat|fstatat|mkdir|mkdirat|rmdir|` +
		`remove|unlink|unlinkat|rename|link|symlink|readlink|chmod|chown|lchown|chtimes|chdir|truncate|read|write|` +
		`readdir|readdirent|fdopendir|mmap|exec|fork/exec|CreateFile|GetFileAttributesEx|FindFirstFile) $`)
	newPath = regexp.MustCompile(`^` + pathBegins)
	inPath  = regexp.MustCompile(`[\pL\pN][/\\]+[\pL\pN]`)
	ofWhole = regexp.MustCompile(`^\d+/\d+\PL*$`) // 2/4
	mime    = regexp.MustCompile(`^(?:application|audio|font|image|message|multipart|text|video)/[\w.+-]+$`)
)

// pathLength returns the length of a path. A path in brackets ends with them. A path after an operation of package os
// ends before the colon of the reason. Any other path ends at a space, unless a later word still belongs to it.
func pathLength(rest, before string) int {
	open, _ := utf8.DecodeLastRuneInString(before)
	if end := quoteEnds[open]; end != "" && strings.Contains(rest, end) {
		return strings.Index(rest, end)
	}
	clause, _, isReason := strings.Cut(rest, ": ")
	if isReason && osOperation.MatchString(before) {
		return len(clause)
	}
	end := runLength(rest, before)
	for at := strings.Index(clause, " ") + 1; at > 0 && at < len(clause); {
		word, _, _ := strings.Cut(clause[at:], " ")
		if newPath.MatchString(word) || strings.HasSuffix(clause[:at-1], ",") {
			break
		}
		if inPath.MatchString(word) && !ofWhole.MatchString(word) {
			end = at + trimmedLength(word)
		}
		at += len(word) + 1
	}
	return end
}

func hideUnlessMIME(text string) (string, bool) { return hiddenPath, !mime.MatchString(text) }

func hideUnlessNumbers(text string) (string, bool) { return hiddenPath, !numbers.MatchString(text) }
