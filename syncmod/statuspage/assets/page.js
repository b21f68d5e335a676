// The page shows what the node reports, and adds only the passing of time. All text is set as text: the name
// or nickname of a member is never markup.
'use strict';

const $ = (id) => document.getElementById(id);
const doc = { now: null, skew: 0, at: 0, ended: false }; // the last news, and when it came
const patience = 4000; // ms without news after which it is stale: the node sends some every second
const kinds = {
  waiting: ['…', 'Waiting for others'], working: ['▶', 'This node is working'], our_turn: ['▲', 'Waiting for this node'],
  finished: ['✓', 'Finished here'], complete: ['✓', 'Complete'], failed: ['✕', 'Failed'], rehearsal: ['◇', 'Rehearsal'],
};
const questions = [
  ['waiting_for', 'Who are we waiting for?'], ['is_it_me', 'Is it me?'], ['failure', 'Has it failed?'],
  ['slow', 'Who was slow?'], ['close', 'Can I stop this node now?'],
];
const links = {
  '=': ['both', 'both ways', '●'], '~': ['relay', 'through a relay', '◐'], '>': ['out', 'only row reaches column', '→'],
  '<': ['in', 'only column reaches row', '←'], '!': ['none', 'not connected', '✕'], 'g': ['left', 'the column has said goodbye', '✓'],
  '?': ['silent', 'not reported', '?'], '-': ['self', 'itself', ''],
};

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// set changes a text only if it differs, so that a selection in it stays.
function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function mark(node, name, value) {
  if (value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// fit gives a parent the wanted number of children.
function fit(parent, count, child) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(child(parent.children.length));
}

function spell(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 0.1) return 'less than 0.1 s';
  if (s < 9.95) return `${Math.round(s * 10) / 10} s`;
  if (s < 59.5) return `${s.toFixed(0)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
}

// Below a second, a time is noise.
const lasting = (ms) => ms < 1000 ? 'less than 1 s' : spell(ms);
const ago = (then, at) => at - then < 1000 ? 'just now' : `${spell(at - then)} ago`;
const time = (text) => Date.parse(text);
// nodeNow is the time at the node. It stands still while no news comes from the node.
const nodeNow = () => isSilent() ? time(doc.now.now) : Date.now() + doc.skew;
const isSilent = () => performance.now() - doc.at > patience || doc.ended;

function show(said) {
  doc.now = said;
  doc.skew = time(said.now) - Date.now();
  const c = said.ceremony;
  $('ceremony').hidden = !c;
  $('none').hidden = !!c;
  showList(said, c);
  if (!c) return;
  const self = c.members[c.self];
  set($('about'), `this node is ${self.name}, operator ${c.self} · ${c.members.length} members · definition ${c.definition_hash.slice(0, 16)}…` +
    (c.attempt > 1 ? ` · attempt ${c.attempt}` : ''));
  mark($('now'), 'data-kind', c.kind);
  set($('tag'), kinds[c.kind].join(' ').toUpperCase());
  set($('headline'), c.headline);
  set($('announce'), c.headline);
  document.title = `${kinds[c.kind][0]} ${c.headline}`;
  showAnswers(c);
  showPhases(c);
  showMembers(c);
  showLinks(c);
  const query = `?ceremony=${encodeURIComponent(c.id)}`;
  for (const [id, path] of [['text', 'diagnosis'], ['json', 'status'], ['receipt', 'receipt']]) mark($(id), 'href', path + query);
  $('receipt').hidden = !c.receipt;
  $('attested').hidden = !c.attested;
  set($('attested').querySelector('code'), c.attested || '');
  showTimes();
}

function showList(said, c) {
  const nav = $('ceremonies');
  nav.hidden = said.ceremonies.length < 2;
  const several = new Set(said.ceremonies.map((s) => s.definition_hash)).size > 1;
  fit(nav, said.ceremonies.length, () => make('a', { href: '#' }));
  said.ceremonies.forEach((s, i) => {
    const a = nav.children[i];
    mark(a, 'href', `#${s.id}`);
    mark(a, 'aria-current', c && s.id === c.id ? 'true' : undefined);
    set(a, `${several ? `${s.definition_hash.slice(0, 8)}… ` : ''}attempt ${s.attempt}: ${s.phase}${s.open ? '' : ', closed'}`);
  });
}

function showAnswers(c) {
  fit($('answers'), questions.length, (i) => make('div', null,
    make('dt'), make('dd', { class: 'short' }), make('dd')));
  questions.forEach(([key, asked], i) => {
    const [question, short, text] = $('answers').children[i].children;
    set(question, asked);
    set(short, c.answers[key].short);
    set(text, c.answers[key].text);
  });
}

function showPhases(c) {
  const most = 14, here = c.phases.findLastIndex((p) => p.state === 'done') + 1;
  const list = c.phases.length <= most ? c.phases : c.phases.slice(Math.max(0, here - most + 4), here + 4);
  $('phases').parentElement.hidden = list.length === 0;
  fit($('phases'), list.length, () => make('li', null, make('b'), make('span')));
  list.forEach((p, i) => {
    const li = $('phases').children[i];
    mark(li, 'data-state', p.state);
    mark(li, 'aria-current', p.state !== 'done' && p.state !== 'ahead' ? 'step' : undefined);
    set(li.children[0], p.name);
    set(li.children[1], p.text);
  });
}

const columns = [
  ['state', 'Status'], ['short', 'Step'], ['short', 'Path'], ['number', 'Round trip'], ['number', 'Last heard'], ['number', 'Clock'],
  ['said', 'Version'], ['said', 'Name it reports'], ['number', 'Reconnects'],
];

function showMembers(c) {
  const table = $('members'), many = c.members.length > 12;
  if (!table.tHead) {
    table.append(
      make('caption', { class: 'hidden' }, 'Every member as this node sees it'),
      make('thead', null, make('tr', null, make('th', { scope: 'col' }, 'Member'), ...columns.map(([kind, name]) => make('th', { scope: 'col', class: kind }, name)))),
      make('tbody'));
  }
  if ($('filter').hidden && many) $('only').checked = true;
  $('filter').hidden = !many;
  const body = table.tBodies[0];
  fit(body, c.members.length, () => make('tr', null, make('th', { scope: 'row' }, make('span'), make('small')),
    ...columns.map(([kind, name]) => make('td', { class: kind, 'data-label': name }, ...kind === 'state' ? [make('span'), make('small')] : []))));
  c.members.forEach((m, i) => {
    const tr = body.children[i];
    mark(tr, 'data-mark', m.trouble ? 'trouble' : m.waiting ? 'waiting' : undefined);
    tr.hidden = many && $('only').checked && !m.trouble && !m.waiting && i !== c.self;
    set(tr.cells[0].children[0], `${i} ${m.name}`);
    set(tr.cells[0].children[1], i === c.self ? ' (this node)' : m.waiting ? (c.phase === 'complete' ? ' (no goodbye)' : ' (waited for)') : '');
    const clock = Math.abs(m.clock_ms) >= 100 ? (m.clock_ms > 0 ? '+' : '−') + spell(Math.abs(m.clock_ms)) : '';
    const [state, details] = tr.cells[1].children;
    set(state, m.state || '');
    set(details, c.phase !== 'failed' && m.trouble && m.attempts && m.last_error !== m.state ? `${m.last_error} (${m.attempts} attempts)` : '');
    ['', m.doing, m.path, m.rtt_ms ? `${Math.max(0.1, m.rtt_ms).toFixed(m.rtt_ms < 10 ? 1 : 0)} ms` : '', '', clock, m.version || (i === c.self ? '' : '?'), m.nickname || '',
      m.reconnects ? String(m.reconnects) : ''].forEach((text, k) => { if (k !== 0 && k !== 4) set(tr.cells[k + 1], text); });
  });
}

// hideEmptyColumns leaves out what is empty for every member.
function hideEmptyColumns() {
  const rows = [...$('members').tBodies[0].rows];
  columns.forEach((_, k) => {
    const empty = rows.every((tr) => !tr.cells[k + 1].textContent);
    for (const tr of $('members').rows) tr.cells[k + 1].hidden = empty;
  });
}

function showLinks(c) {
  const table = $('links'), n = c.members.length;
  fit($('broken'), (c.broken || []).length, () => make('li'));
  (c.broken || []).forEach((b, i) => set($('broken').children[i], b.text));
  if (!c.members[c.self].links) {
    table.replaceChildren();
    set($('legend'), `${n} members are too many for a picture. Pairs that cannot reach each other would be listed here.`);
    return;
  }
  if (!table.tHead || table.tBodies[0].rows.length !== n) {
    table.replaceChildren(
      make('caption', { class: 'hidden' }, 'One row for each member: how it says that it sees the member of each column'),
      make('thead', null, make('tr', null, make('th', { scope: 'col' }, 'row to column'), ...c.members.map((m) => make('th', { scope: 'col' }, String(m.index))))),
      make('tbody', null, ...c.members.map((m) => make('tr', null, make('th', { scope: 'row' }), ...c.members.map(() => make('td'))))));
  }
  const used = new Set(c.members.flatMap((m) => [...m.links]));
  set($('legend'), Object.entries(links).filter(([sign]) => sign !== '-' && used.has(sign)).map(([, [, words, sign]]) => `${sign} ${words}`).join(' · '));
  const broken = new Set();
  for (const b of c.broken || []) broken.add(b.a * n + b.b).add(b.b * n + b.a);
  c.members.forEach((m, i) => {
    const tr = table.tBodies[0].rows[i];
    set(tr.cells[0], `${i} ${m.name}`);
    for (let j = 0; j < n; j++) {
      const [link, words] = links[m.links[j]], isBroken = broken.has(i * n + j);
      const td = tr.cells[j + 1];
      if (td.dataset.link === link && td.hasAttribute('data-broken') === isBroken) continue;
      mark(td, 'data-link', link);
      mark(td, 'data-broken', isBroken ? '' : undefined);
      set(td, isBroken ? `${words}, broken` : words);
    }
  });
}

// showTimes shows what changes as time passes.
function showTimes() {
  const c = doc.now && doc.now.ceremony;
  if (!c) return;
  const at = time(c.at); // all ages refer to the moment of the last news
  if (c.phase === 'complete' || c.phase === 'failed') {
    const when = new Date(time(c.at)).toLocaleString([], { dateStyle: 'medium', timeStyle: 'long' });
    set($('lasting'), `${c.phase === 'failed' ? 'Failed' : 'Finished'} at ${when}, ${ago(time(c.at), nodeNow())}`);
  }
  else set($('lasting'), `for ${lasting(at - time(c.waiting && c.waiting.since || c.since))} so far`);
  c.members.forEach((m, i) => {
    const cell = $('members').tBodies[0].rows[i].cells[5];
    set(cell, m.last_seen ? ago(time(m.last_seen), at) : i === c.self ? '' : '?');
  });
  hideEmptyColumns();
}

// The rest is how the page gets its news: from events, or by asking if there are none.
let source, asking = 0;

const query = () => location.hash ? `?ceremony=${encodeURIComponent(decodeURIComponent(location.hash.slice(1)))}` : '';

function news(text, ended) {
  doc.at = performance.now();
  doc.ended = !!ended;
  show(JSON.parse(text));
  showLive();
}

function follow() {
  if (source) source.close();
  if (!window.EventSource) return ask();
  source = new EventSource('events' + query());
  source.onmessage = (e) => news(e.data);
  source.addEventListener('end', (e) => news(e.data, true));
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) ask(); };
}

// ask asks once for news, if no events come.
async function ask() {
  if (asking && performance.now() - asking < patience) return;
  asking = performance.now();
  try {
    const response = await fetch('status' + query(), { cache: 'no-store', signal: AbortSignal.timeout(patience) });
    if (response.ok) news(await response.text());
  } catch { /* no answer: showLive shows how long the node has been silent */ }
  asking = 0;
}

function showLive() {
  const silent = performance.now() - doc.at;
  const state = !doc.now ? 'new' : isSilent() ? 'stale' : 'live';
  mark($('live'), 'data-state', state);
  set($('live'), { new: 'connecting to the node', live: 'live', stale: doc.ended ? 'the node has stopped' : 'stale' }[state]);
  set($('stale'), state !== 'stale' ? '' : doc.ended ? 'The node has stopped. This is what it said last. The page goes on when the node runs again.'
    : 'The node does not answer. What follows is what it said last; the page tries again by itself.');
  if (state === 'stale' && !doc.ended) set($('live'), `stale: last news ${spell(silent)} ago`);
}

setInterval(() => {
  showTimes();
  showLive();
  const silent = performance.now() - doc.at;
  if (source && source.readyState === EventSource.CLOSED || !source) ask();
  if (silent > 2 * patience && Math.floor(silent / 1000) % 5 === 0) follow();
}, 1000);

window.addEventListener('hashchange', follow);
$('only').addEventListener('change', () => { if (doc.now) showMembers(doc.now.ceremony); });
$('copy').addEventListener('click', async () => {
  const text = await (await fetch($('text').getAttribute('href'), { cache: 'no-store' })).text();
  const pre = $('diagnosis');
  set(pre, text);
  pre.hidden = false;
  let copied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // browsers give pages of other machines no clipboard
    getSelection().selectAllChildren(pre);
    copied = document.execCommand('copy');
  }
  set($('announce'), copied ? 'The diagnosis is copied' : 'The diagnosis is selected: copy it');
  set($('copy'), copied ? 'Copied' : 'Selected: copy it now');
  setTimeout(() => set($('copy'), 'Copy the diagnosis'), 3000);
});
follow();
