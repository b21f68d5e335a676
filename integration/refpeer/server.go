package refpeer

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
)

// serve is the handler of a stream. It answers every request in order, and waits
// forever for the next one.
func (p *Peer) serve(stream network.Stream) {
	conn := stream.Conn()
	if !p.admit(conn) {
		_ = stream.Reset()
		return
	}
	defer p.dismiss(conn)
	if !p.keep(stream) {
		return
	}
	m := p.memberOf(conn)
	defer p.set(func() { m.connected = false })
	defer func() { _ = stream.Close() }()
	for {
		q, err := p.readRequest(stream)
		if err != nil {
			return
		}
		reply, last := p.judge(conn, m, q)
		if reply == nil || p.write(stream, reply.encode()) != nil || last {
			return
		}
	}
}

// admit counts a stream, and makes Close wait for its handler.
func (p *Peer) admit(conn network.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.opts.Variant.dropsSecondStreams() && p.inbounds[conn] > 0 {
		return false
	}
	p.inbounds[conn]++
	p.wg.Add(1)
	return true
}

func (p *Peer) dismiss(conn network.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inbounds[conn]--; p.inbounds[conn] == 0 {
		delete(p.inbounds, conn)
	}
	p.wg.Done()
}

// memberOf returns the member at the other end of a connection. A peer that is not in
// the definition is served like everyone else, but no barrier waits for it.
func (p *Peer) memberOf(conn network.Conn) *member {
	if m, ok := p.members[conn.RemotePeer()]; ok {
		return m
	}
	return new(member)
}

func (p *Peer) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// judge decides what a server does with a request. It returns the response, if there is
// one, and whether the stream ends.
func (p *Peer) judge(conn network.Conn, m *member, q request) (reply *response, last bool) {
	reply = &response{at: q.at}
	if err := p.authenticate(q, conn.RemotePublicKey()); err != nil {
		if p.opts.Variant.appliesRejectedSteps() {
			p.set(func() { _ = m.follow(q.step) })
		}
		p.fail(fmt.Errorf("%s: %w", conn.RemotePeer(), err))
		reply.err = err.Error()
		return reply, q.shutdown
	}
	var wrong error
	p.set(func() {
		if wrong = m.follow(q.step); wrong == nil {
			m.connected = true
			m.done = m.done || q.shutdown
		}
	})
	if wrong == nil {
		return reply, q.shutdown
	}
	p.fail(fmt.Errorf("%s: %w", conn.RemotePeer(), wrong))
	if !p.opts.Variant.answersRejectedSteps() {
		return nil, true
	}
	reply.err = wrong.Error()
	return reply, true
}

func (p *Peer) readRequest(stream network.Stream) (request, error) {
	payload, err := p.read(stream, aRequest)
	if err != nil {
		return request{}, err
	}
	return decodeRequest(payload)
}

// content says what a frame contains.
type content int

const (
	aRequest content = iota
	aResponse
)

// read reads a frame, and reports it to OnFrame.
func (p *Peer) read(stream network.Stream, what content) ([]byte, error) {
	payload, size, err := readFrame(stream, p.opts.Variant.maxFrame())
	if size > 0 && p.opts.OnFrame != nil {
		p.opts.OnFrame(Frame{
			From:    stream.Conn().RemotePeer(),
			Request: what == aRequest,
			Size:    headerSize + size,
			Whole:   err == nil,
		})
	}
	if err == nil && !p.travel() {
		err = ErrClosed
	}
	return payload, err
}

func (p *Peer) write(stream network.Stream, payload []byte) error {
	if !p.travel() {
		return ErrClosed
	}
	return writeFrame(stream, payload)
}
