package syncmod

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var (
	hexKey    = strings.Repeat("0123456789abcdef", 4)
	rawKey    = sha512.New().Sum(nil)[:32]
	base64Key = base64.StdEncoding.EncodeToString(rawKey[:24])
)

// grouped puts a separator after every n characters of a text.
func grouped(s string, n int, separator string) string {
	var groups []string
	for ; len(s) > n; s = s[n:] {
		groups = append(groups, s[:n])
	}
	return strings.Join(append(groups, s), separator)
}

// numbered puts a number before every word.
func numbered(words string) string {
	var b strings.Builder
	for i, word := range strings.Fields(words) {
		fmt.Fprintf(&b, "%d. %s ", i+1, word)
	}
	return strings.TrimSpace(b.String())
}

func TestAReasonIsToldWithoutSecrets(t *testing.T) {
	const mnemonic = "abandon ability able about above absent absorb abstract absurd abuse access zoo"
	settings := struct {
		Dir, Password string
		Retries       int
	}{"/home/bob/keys", "my pass", 5}
	for about, test := range map[string]struct{ given, want string }{
		"a path": {
			"open /home/carol/keys/share-2.json: permission denied",
			"open <path>: permission denied",
		},
		"a path with spaces":    {"open /home/bob/my validator/keys of bob: gone", "open <path>: gone"},
		"two paths":             {"rename /a/my b /c/my d: file exists", "rename <path>: file exists"},
		"a quoted path":         {`open "/home/carol/my keys": denied`, `open "<path>": denied`},
		"backticks":             {"no keystore in `/home/bob/my keys`", "no keystore in `<path>`"},
		"a list":                {fmt.Sprintf("none in %v", []string{"/home/bob/.charon"}), "none in [<path>]"},
		"angle brackets":        {"reading </home/bob/my keys>", "reading <<path>>"},
		"a pipe":                {"keys|/home/bob/keys", "keys|<path>"},
		"a struct":              {fmt.Sprintf("bad %+v", settings), "bad {Dir:<path> Password:<hidden> Retries:5}"},
		"a home":                {"stat ~/.charon/enr-key: no such file", "stat <path>: no such file"},
		"a relative path":       {"open ../keys/share.json: gone, ./x too", "open <path>: gone, <path> too"},
		"a path without ./":     {"open validator_keys/keystore-0.json: gone", "open <path>: gone"},
		"an assignment":         {"dir=/var/lib/keys", "dir=<path>"},
		"a drive":               {`open C:\Users\Bob Smith\keys: gone`, "open <path>: gone"},
		"a quoted drive":        {fmt.Sprintf("open %q: gone", `C:\Users\Bob Smith`), `open "<path>": gone`},
		"a share":               {`open \\nas\keys\carol: gone`, "open <path>: gone"},
		"a program":             {"fork/exec /home/bob/bin/charon: denied", "fork/exec <path>: denied"},
		"a socket":              {"dial unix /run/bob.sock: refused", "dial unix <path>: refused"},
		"a file's URL":          {"GET file:///home/bob/keys: gone", "GET file://<path>: gone"},
		"a socket as multiaddr": {"dial /unix/home/bob/x.sock: refused", "dial <path>: refused"},

		"a URL with a password": {
			`Get "https://bob:hunter2@beacon.example:5052/eth/v1/node/syncing": EOF`,
			`Get "https://beacon.example:5052/eth/v1/node/syncing": EOF`,
		},
		"a URL with a query": {
			`Post "http://127.0.0.1:7500/keys?token=hunter2#hunter2": EOF`,
			`Post "http://127.0.0.1:7500/keys": EOF`,
		},
		"a URL with a key in its path": {
			`Post "https://mainnet.infura.io/v3/` + hexKey[:32] + `": context deadline exceeded`,
			`Post "https://mainnet.infura.io/v3/<hidden>": context deadline exceeded`,
		},
		"a URL that cannot be parsed": {
			`parse "https://bob:hunter 2@host/": net/url: invalid userinfo`,
			`parse "https://host/": net/url: invalid userinfo`,
		},
		"a URL whose password has a slash": {
			"dial postgres://dkg:hun/ter2@db.example/shares: refused",
			"dial postgres://<hidden>: refused",
		},
		"postgres": {
			"dial postgres://dkg:hunter2@db.example:5432/shares?sslmode=no: refused",
			"dial postgres://db.example:5432/<path>: refused",
		},
		"libpq": {
			"connecting to `host=db user=dkg password='hun ter2' dbname=shares`: refused",
			"connecting to `host=db user=<hidden> password=<hidden> dbname=shares`: refused",
		},
		"mysql's name": {"dkg:hunter2@tcp(db:3306): bad connection", "<hidden>@tcp(db:3306): bad connection"},
		"mysql's refusal": {
			"Error 1045: Access denied for user 'dkg'@'db' (using password: YES)",
			"Error 1045: Access denied for user '<hidden>@'db' (using password: YES)",
		},
		"JDBC":                 {"jdbc:sqlserver://db:1433;user=sa;password=x", "jdbc:sqlserver://db:1433"},
		"JSON":                 {`got {"password": "hun, ter2", "n": 5}`, `got {"password": <hidden>, "n": 5}`},
		"quoted JSON":          {`got "{\"token\":\"hunter2\",\"n\":5}"`, `got "{\"token\":<hidden>,\"n\":5}"`},
		"YAML":                 {"line 3: password: correct horse", "line 3: password: <hidden>"},
		"a header":             {"Authorization: Bearer a.b-c: 401", "Authorization: <hidden>: 401"},
		"a bearer":             {"sent Bearer q83vASNF, refused", "sent Bearer <hidden>, refused"},
		"a flag":               {"charon --api-token hunter2 run: failed", "charon --api-token <hidden> run: failed"},
		"a variable":           {"DKG_PASSWORD=hunter2 is too short", "DKG_PASSWORD=<hidden> is too short"},
		"a hexadecimal key":    {"bad key 0x" + hexKey, "bad key <hidden>"},
		"keys in a row":        {hexKey + " " + hexKey, "<hidden> <hidden>"},
		"a key in base64":      {"bad key q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=, no", "bad key <hidden>, no"},
		"a long key in base64": {"token " + strings.Repeat("aZ-_", 20) + "==.", "token <hidden>."},
		"bytes":                {fmt.Sprintf("bad key %v", make([]byte, 32)), "bad key [<hidden>]"},
		"bytes in Go":          {fmt.Sprintf("bad key %#v", make([]byte, 32)), "bad key []byte{<hidden>}"},
		"a PEM block":          {"-----BEGIN KEY-----\nabc\n-----END KEY-----: bad", "<hidden>: bad"},
		"half a PEM block":     {"bad: -----BEGIN KEY-----\nabc", "bad: <hidden>"},
		"a JSON web token":     {"bad eyJhbGciOi.eyJzdWIi.c2ln: expired", "bad <hidden>: expired"},
		"a key of a cloud":     {"AKIAIOSFODNN7EXAMPLE is not allowed", "<hidden> is not allowed"},
		"a mnemonic":           {mnemonic + " is wrong", "<hidden> is wrong"},
		"a quoted mnemonic":    {"from " + strings.ReplaceAll(mnemonic, " ", ", "), "<hidden>"},
		"groups of 4":          {"key " + grouped(hexKey, 4, " ") + ", no", "key <hidden>, no"},
		"groups of 8":          {"key " + grouped(hexKey, 8, " ") + ", no", "key <hidden>, no"},
		"groups of 16":         {"key " + grouped(hexKey, 16, " ") + ", no", "key <hidden>, no"},
		"a fingerprint":        {"key " + grouped(hexKey, 4, ":") + ", no", "key <hidden>, no"},
		"words of 64 bits": {
			fmt.Sprintf("bad key %d", [4]uint64{1234567890123456789, 2345678901234567891, 34567890123456789, 4}),
			"bad key [<hidden>]",
		},
		"quoted bytes":       {fmt.Sprintf("bad key %q, no", rawKey), "bad key <hidden>, no"},
		"quoted ASCII bytes": {fmt.Sprintf("bad key %+q, no", rawKey), "bad key <hidden>, no"},
		"escaped bytes":      {`bad key ab\x01\x02\t\xffcd\xfe, no`, "bad key <hidden> no"},
		"PEM without a header": {
			"bad " + base64Key + base64Key + "\nq83vASM\n-----END KEY-----: no", "bad <hidden> <hidden>: no",
		},
		"PEM without both":         {"bad " + base64Key + base64Key + "\nq83vASM, no", "bad <hidden>, no"},
		"a word after base64":      {"key " + base64Key + " is bad", "key <hidden> is bad"},
		"a mnemonic in upper case": {strings.ToUpper(mnemonic) + " is wrong", "<hidden> is wrong"},
		"a mnemonic in title case": {"is Abandon" + strings.ReplaceAll(mnemonic, " a", " A")[7:], "is <hidden>"},
		"a numbered mnemonic":      {numbered(mnemonic) + " is wrong", "1. <hidden> is wrong"},
		"a mnemonic with -":        {"is " + strings.ReplaceAll(mnemonic, " ", "-"), "is <hidden>"},
		"a mnemonic with _":        {"is " + strings.ReplaceAll(mnemonic, " ", "_"), "is <hidden>"},
		"a mnemonic with ;":        {"is " + strings.ReplaceAll(mnemonic, " ", ";"), "is <hidden>"},
		"a mnemonic with |":        {"is " + strings.ReplaceAll(mnemonic, " ", " | "), "is <hidden>"},
		"a mnemonic with .":        {"is " + strings.ReplaceAll(mnemonic, " ", "."), "is <hidden>"},
		"a mnemonic with /":        {"is " + strings.ReplaceAll(mnemonic, " ", "/"), "is <hidden>"},
		"a mnemonic with +":        {"is " + strings.ReplaceAll(mnemonic, " ", "+"), "is <hidden>"},
		"a mnemonic's name":        {"mnemonic=" + mnemonic + ".", "mnemonic=<hidden>."},
		"a mnemonic of a list":     {"mnemonic: " + strings.ReplaceAll(mnemonic, " ", ", "), "mnemonic: <hidden>"},

		"XML":               {"got <password>hunter2</password>, no", "got <password><hidden>, no"},
		"a name and quotes": {`wrong password "hunter2", no`, "wrong password <hidden>, no"},
		"an arrow":          {"password => hunter2, no", "password => <hidden>, no"},
		"an encoded form":   {"sent password%3Dhunter2, no", "sent password%3D<hidden>, no"},
		"a short name":      {"pass: hunter2, auth: x", "pass: <hidden>, auth: <hidden>"},
		"pw":                {"pw=hunter2 is wrong", "pw=<hidden> is wrong"},
		"an encryption key": {"encryption key: hunter2", "encryption key: <hidden>"},
		"netrc":             {"machine db login bob password hunter, no", "machine db login bob password <hidden>, no"},
		"a spaced name":     {"line 3: password hunter2, no", "line 3: password <hidden>, no"},
		"curl's user":       {"curl -u bob:hunter2 -v: exit 1", "curl -u <hidden> -v: exit 1"},
		"mysql's flag":      {"mysql -h db -phunter2: exit 1", "mysql -h db -p<hidden>: exit 1"},
		"prose with dashes": {"password: open-sesame-99", "password: <hidden>"},
		"prose with dots":   {"secret: no.one.knows.77", "secret: <hidden>"},
		"prose with a mark": {"password: is!hunter2", "password: <hidden>"},

		"curl's file":       {"curl -d @/home/bob/.charon/enr-key: gone", "curl -d @<path>: gone"},
		"a flag's path":     {"cc -I/home/bob/keys x.c", "cc -I<path> x.c"},
		"a path after plus": {"vi +/home/bob/keys: gone", "vi +<path>: gone"},
		"an encoded path":   {"open %2Fhome%2Fbob%2Fkeys: gone", "open <path>: gone"},
		"no extension":      {"open validator_keys/bob/keystore: gone", "open <path>: gone"},
		"another letter":    {"open é/home/bob/keys: gone", "open <path>: gone"},
		"sftp":              {"get sftp://nas/home/bob/keys/share.json: gone", "get sftp://nas/<path>: gone"},

		"lines and colours":  {"panic:\n\x1b[31mboom", "panic: ?[31mboom"},
		"invalid UTF-8":      {"\xffboom", "?boom"},
		"what was told once": {"open <path>: <hidden>", "open <path>: <hidden>"},
	} {
		t.Run(about, func(t *testing.T) {
			require.Equal(t, test.want, tellable(test.given))
		})
	}
}

func TestAHarmlessReasonIsToldUnchanged(t *testing.T) {
	for _, reason := range []string{
		"",
		"step 3 of 5: the disk is full",
		`step "exchange/verify": 2/4 shares are valid`,
		"runs v1.10.2, and/or v1.11",
		"16Uiu2HAm3cL4SgGBYVzPRbXEPmxeBLnV2A7DVfpNAipPBDh8VxKz left",
		"12D3KooWGQmdpzHXCqLno4mMxWXKNFQHASBeF99gTm2JR8Vu5Bdc is not a member",
		"to 0x00000000219ab540356cBB839Cbe05303d7705Fa",
		"definition 5c0e7b7e5cbb1a2d… is not open, c0ffee is",
		"dial /ip4/10.0.0.1/tcp/4001/p2p/16Uiu2HAm3cL4SgGBYVzPRbXEPmxeBLnV2A7DVfpNAipPBDh8VxKz: i/o timeout",
		"no transport for [/ip6/::1/udp/9/quic-v1 /dns4/relay.example/tcp/443/wss]",
		"dial tcp 10.0.0.5:5432: connect: connection refused",
		"read tcp 127.0.0.1:5000->127.0.0.1:6000: read: connection reset by peer",
		"lookup beacon-node-1.eu-west-2.compute.internal on [::1]:53: no such host",
		`pq: password authentication failed for user "dkg"`,
		"wrong password: the keystore cannot be opened",
		"token: expired at 2026-11-26T14:33:38Z",
		`unexpected content type "text/html", want application/vnd.api+json`,
		`x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error")`,
		"ERR_CERT_AUTHORITY_INVALID in TestEveryRecordedScenarioPlaysLikeCharonServes",
		"the members have had enough people together that came along this long way without once being late again",
		"bypass=true, key=5 missing, auth: failed",
		"each member must verify that every other member has sent its own share before they sign it",
		"Members could not reach their quorum after every node sent its share twice during that long round",
		"dial tcp [2a02:8070:1234:5678:1211:22ff:fe33:4455]:53: connect: connection refused",
		"2026/11/26 14:33:38 boom",
		"missing shares of [1 2 3 4 5 6 7 8 9]",
		"request 6ba7b810-9dad-11d1-80b4-00c04fd430c8 was refused",
	} {
		require.Equal(t, reason, tellable(reason))
	}
}

func TestAReasonIsCutTo256Bytes(t *testing.T) {
	for _, given := range []string{
		strings.Repeat("no ", 1<<20),
		strings.Repeat("é", 200),
		"x" + strings.Repeat("é", 200),
		strings.Repeat("🦀", 200),
	} {
		told := tellable(given)

		require.LessOrEqual(t, len(told), 256)
		require.Greater(t, len(told), 240)
		require.True(t, utf8.ValidString(told))
		require.True(t, strings.HasSuffix(told, "…"))
	}
}

func TestPartOfASecretIsNotTold(t *testing.T) {
	for before := 16*maxReason - len(hexKey) - 16; before < 16*maxReason; before++ {
		path := "/" + strings.Repeat("p", before-7)

		require.NotContains(t, tellable("open "+path+" "+hexKey), "0123456", "cut after %d bytes", before)
	}
}

// Texts as programs write them. In each text, %s stands for a secret. Only the secret's
// place in the text shows that it is a secret.
var named = []string{
	`Get "https://bob:%s@beacon.example:5052/eth/v1/node/syncing": EOF`,
	`Get "https://%s@beacon.example/eth/v1/node/health": dial tcp: lookup beacon.example: no such host`,
	`Post "http://127.0.0.1:7500/eth/v1/keystores?token=%s&n=5": context deadline exceeded`,
	`Get "https://host.example/callback#access=%s": unsupported protocol scheme`,
	`parse "https://bob:%s@[::1": missing ']' in host`,
	`unexpected status 500 from https://bob:%s@vault.example/v1/secret`,
	`dial postgres://dkg:%s@db.example:5432/shares: connection refused`,
	"cannot parse `postgres://dkg:%s@db.example:x/shares`: failed to parse as URL",
	"failed to connect to `host=db.example user=dkg password=%s database=shares`: server error",
	`pq: cannot connect with "host=db.example password='%s' sslmode=no"`,
	`dkg:%s@tcp(db.example:3306)/shares?tls=true: driver: bad connection`,
	`mongodb+srv://dkg:%s@cluster.example/?retryWrites=true: server selection error`,
	`redis: can't parse redis://:%s@cache.example:6379/0`,
	`amqp://guest:%s@mq.example:5672/: EOF`,
	`jdbc:sqlserver://db.example:1433;user=sa;password=%s;encrypt=true`,
	`Server=db.example;User Id=sa;Password=%s;`,
	`DefaultEndpointsProtocol=https;AccountName=dkg;AccountKey=%s;EndpointSuffix=core.windows.net`,
	`HTTP 401, sent Authorization: Bearer %s`,
	`HTTP 403, sent X-Api-Key: %s`,
	`{"error":"bad credentials","password":"%s","user":"bob"}`,
	`{"password": "%s"}`,
	`"{\"api_key\":\"%s\"}" is not what was expected`,
	`{User:bob Password:%s Host:db.example}`,
	`yaml: line 3: password: %s`,
	`<login><password>%s</password></login> is not allowed`,
	`wrong password "%s"`,
	`map: password => %s`,
	`unexpected form password%%3D%s`,
	`yaml: line 3: pass: %s`,
	`yaml: line 3: auth: %s`,
	`cannot connect with pw=%s`,
	`encryption key: %s`,
	`machine db.example login bob password %s`,
	`exec: curl -u bob:%s: exit status 1`,
	`exec: mysql -h db.example -p%s: exit status 1`,
	`exec: curl -d @/home/%s/keys: exit status 1`,
	`exec: cc -I/home/%s/keys: exit status 1`,
	`open %%2Fhome%%2F%s%%2Fkeys: gone`,
	`open validator_keys/%s/keystore: gone`,
	`open é/home/%s/keys: gone`,
	`get sftp://nas/home/%s/share.json: gone`,
	`password: open-%s-99`,
	`secret: no.%s.77`,
	`password: is!%s`,
	`DKG_TOKEN=%s charon dkg: exit status 1`,
	`exec: charon --keystore-password %s: exit status 2`,
	`exec: charon --keystore-password=%s: exit status 2`,
	`open /home/%s/.charon/charon-enr-private-key: permission denied`,
	`open /home/bob/my validator/%s: no such file or directory`,
	`stat ~/%s: no such file or directory`,
	`rename /tmp/%s /home/bob/keys of mine: invalid cross-device link`,
	`reading "/home/bob/my keys/%s of bob": input/output error`,
	"no keystore in `/home/%s/validator_keys`",
	`no keystore in [/home/bob/%s /home/bob/other keys]`,
	`bad settings {/home/%s/validator_keys true 5}`,
	`reading </home/%s/validator_keys>`,
	`keys|/home/%s/validator_keys`,
	`open C:\Users\%s\keys: The system cannot find the path specified.`,
	`CreateFile \\nas\%s\keys: Access is denied.`,
	`reading "C:\\Users\\Bob Smith\\%s": Access is denied.`,
	`open validator_keys/%s.json: no such file or directory`,
	`stat %%APPDATA%%\%s: The system cannot find the file specified.`,
	`dial unix /run/%s.sock: connect: connection refused`,
	`get file:///home/%s/keys: not found`,
}

// Texts in which %s stands for a secret that can be recognized by its form, even if
// the secret is split into parts.
var loose = []string{
	`invalid key %s`, `cannot decode "%s": illegal data`, `key (%s) is not on the curve`, `got '%s', want another`,
	`unknown share %s: not found`, `value %s, length 32`, `[%s]`, `{Share:%s Index:3}`,
}

// The same for a secret in one piece.
var bare = append([]string{
	`-----BEGIN PRIVATE KEY-----` + "\n%s\n" + `-----END PRIVATE KEY-----`,
	`Post "https://mainnet.infura.io/v3/%s": EOF`,
	`Get "https://%s.example/": EOF`,
}, loose...)

// The words of a mnemonic.
var mnemonicWords = strings.Fields("abandon ability able about above absent absorb abstract absurd abuse access zoo")

// inPieces writes a key in ways that put something between its parts.
func inPieces(key []byte) []string {
	digits := hex.EncodeToString(key)
	words, numbers := make([]string, 0, len(key)), make([]uint64, len(key)/8)
	for i := range numbers {
		numbers[i] = binary.BigEndian.Uint64(key[8*i:])
	}
	for _, b := range key {
		words = append(words, mnemonicWords[int(b)%len(mnemonicWords)])
	}
	mnemonic := strings.Join(words[:12], " ")
	return []string{
		grouped(digits, 4, " "), grouped(digits, 8, " "), grouped(digits, 16, " "), grouped("01"+digits, 4, ":"),
		fmt.Sprintf("%q", key), fmt.Sprintf("%+q", key), fmt.Sprint(numbers),
		mnemonic, strings.ToUpper(mnemonic), numbered(mnemonic), strings.ReplaceAll(mnemonic, " ", "-"),
		strings.ReplaceAll(mnemonic, " ", "_"), strings.ReplaceAll(mnemonic, " ", ";"),
		strings.ReplaceAll(mnemonic, " ", " | "), strings.ReplaceAll(mnemonic, " ", "."),
		strings.ReplaceAll(mnemonic, " ", "/"), strings.ReplaceAll(mnemonic, " ", "+"),
	}
}

// FuzzTellable puts a secret into texts as programs write them, with any text around them, and requires that no part
// of the secret is told.
func FuzzTellable(f *testing.F) {
	for i := range max(len(named), len(bare)) {
		f.Add("giving up: ", ", really", uint64(i), byte(2*i), byte(5*(i+1)))
		f.Add("", "", uint64(i), byte(2*i), byte(i))
		f.Add("giving up: ", ", really", uint64(16), byte(2*i+1), byte(i+1))
		f.Add(`password: "/x `, "\n@", uint64(0), byte(2*i), byte(i+2))
	}
	f.Fuzz(func(t *testing.T, before, after string, seed uint64, text, form byte) {
		const shortest, address, longest = 16, 20, 64
		random := sha512.Sum512(binary.BigEndian.AppendUint64(nil, seed)) // what the fuzzer makes up is not a key
		key := random[:shortest+seed%(longest-shortest+1)]
		if len(key) == address || len(before) > maxReason || len(after) > maxReason {
			t.Skip("the address of an account, which may be told; or a text that hides the secret by its length")
		}
		secret := []string{
			hex.EncodeToString(key), "0x" + strings.ToUpper(hex.EncodeToString(key)),
			base64.StdEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key), "hunter2",
		}[form%5]
		texts := named
		if secret != "hunter2" && text%2 == 0 && !strings.ContainsAny(secret, "/+=") {
			texts = bare
		}
		if pieces := inPieces(key); int(form)/5 > 0 && int(form)/5 <= len(pieces) {
			texts, secret = loose, pieces[form/5-1]
		}
		planted := fmt.Sprintf(texts[int(text/2)%len(texts)], secret)

		told := tellable(before + " " + planted + " " + after)

		require.LessOrEqual(t, len(told), 256)
		require.True(t, utf8.ValidString(told))
		require.NotContains(t, strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return '\n'
		}, told), "\n")
		require.Equal(t, told, tellable(told), "what was told once is told as it is")
		if strings.ContainsAny(before, "\"'`“‘«[{<(|") {
			return // an unclosed quote changes the meaning of the text after it
		}
		const enough = 7 // characters of a secret
		for i := range len(secret) - enough + 1 {
			if part := secret[i : i+enough]; !strings.Contains(before+after, part) {
				require.NotContains(t, told, part, "of %q", planted)
			}
		}
	})
}
