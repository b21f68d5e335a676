package main

import (
	"image/color"
	"math"
	"strconv"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// curve is a line of the chart.
type curve struct {
	label  string
	name   string // the name of its measurements
	key    string
	colour color.Color
	dashes []vg.Length
	shape  draw.GlyphDrawer
}

// drawLatencies draws how long barriers take by the number of members. Both axes are
// logarithmic.
func drawLatencies(file string, lines []line) error {
	blue := color.RGBA{R: 31, G: 98, B: 178, A: 255}
	orange := color.RGBA{R: 214, G: 98, B: 20, A: 255}
	grey := color.RGBA{R: 120, G: 120, B: 120, A: 255}
	dashed, dotted := []vg.Length{vg.Points(5), vg.Points(3)}, []vg.Length{vg.Points(1.5), vg.Points(2.5)}
	curves := []curve{
		{"barrier, p99", "barrier", "p99", blue, dashed, draw.CircleGlyph{}},
		{"barrier, p50", "barrier", "p50", blue, nil, draw.CircleGlyph{}},
		{"its floor, p50", "barrier", "floor", grey, nil, draw.SquareGlyph{}},
		{"straggler, p50", "straggler", "p50", orange, nil, draw.TriangleGlyph{}},
		{"its floor, p50", "straggler", "floor", orange, dotted, draw.TriangleGlyph{}},
		{"libp2p ping", "barrier", "ping", grey, dotted, draw.CrossGlyph{}},
	}
	p := newPlot()
	sizes := make(map[int]bool)
	least, most := math.Inf(1), 0.0
	for _, c := range curves {
		var points plotter.XYs
		for _, l := range named(lines, c.name) {
			n, took := l.int("n"), float64(l.duration(c.key))/float64(time.Millisecond)
			if n < 2 || took <= 0 {
				continue
			}
			sizes[n] = true
			least, most = min(least, took), max(most, took)
			points = append(points, plotter.XY{X: float64(n), Y: took})
		}
		if len(points) == 0 {
			continue
		}
		l, s, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		l.Color, l.Width, l.Dashes = c.colour, vg.Points(1.5), c.dashes
		s.Color, s.Shape, s.Radius = c.colour, c.shape, vg.Points(3)
		p.Add(l, s)
		p.Legend.Add(c.label, l, s)
	}
	p.X.Tick.Marker = members(sizes)
	p.Y.Tick.Marker = milliseconds{}
	p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(most)))
	return p.Save(16*vg.Centimeter, 10*vg.Centimeter, file)
}

func newPlot() *plot.Plot {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text = "One barrier, all members on one machine"
	p.X.Label.Text, p.Y.Label.Text = "members", "milliseconds"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(8), vg.Points(-4)
	p.Add(plotter.NewGrid())
	return p
}

// members marks the numbers of members that were measured.
type members map[int]bool

// Ticks implements plot.Ticker.
func (m members) Ticks(_, _ float64) []plot.Tick {
	var ticks []plot.Tick
	for n := range m {
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: strconv.Itoa(n)})
	}
	return ticks
}

// milliseconds marks the powers of ten.
type milliseconds struct{}

// Ticks implements plot.Ticker.
func (milliseconds) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for power := math.Floor(math.Log10(least)); power <= math.Ceil(math.Log10(most)); power++ {
		decade := math.Pow(10, power)
		ticks = append(ticks, plot.Tick{Value: decade, Label: strconv.FormatFloat(decade, 'g', -1, 64)})
		for minor := 2.0; minor < 10; minor++ {
			ticks = append(ticks, plot.Tick{Value: minor * decade})
		}
	}
	return ticks
}
