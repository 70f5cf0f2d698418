"use strict";
/* Draws on the candles what lightweight-charts has no series for: regimes as bands behind them, named where there is
   room, and each round trip as a line from entry to exit, whole where it gained and dashed where it lost. */
class TradesAndRegimes {
  constructor(runs, trades, names, theme) {
    Object.assign(this, { runs, trades, names, theme });
    this.views = [
      { zOrder: () => "bottom", renderer: () => ({ draw: (target) => this.paint(target, this.drawBands) }) },
      { zOrder: () => "top", renderer: () => ({ draw: (target) => this.paint(target, this.drawTrades) }) },
    ];
  }

  attached({ chart, series }) {
    Object.assign(this, { chart, series });
  }

  paneViews() {
    return this.views;
  }

  paint(target, draw) {
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const visible = this.chart.timeScale().getVisibleLogicalRange();
      if (visible) draw.call(this, context, mediaSize, visible, this.chart.timeScale().options().barSpacing);
    });
  }

  edge(index, spacing) {
    return this.chart.timeScale().logicalToCoordinate(index) - spacing / 2;
  }

  drawBands(context, size, visible, spacing) {
    const colors = this.theme().regimes;
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "bottom";
    for (const { from, to, code } of this.runs) {
      if (to < visible.from || from > visible.to) continue;
      const left = Math.max(this.edge(from, spacing), 0);
      const width = Math.min(this.edge(to, spacing), size.width) - left;
      if (width <= 0) continue;
      context.fillStyle = colors[code];
      // Bands too thin to be told apart would only darken everything.
      context.globalAlpha = width < 3 ? 0 : 0.1;
      context.fillRect(left, 0, width, size.height);
      context.globalAlpha = 0.9;
      context.fillRect(left, size.height - 5, width, 5);
      const name = this.names[code];
      if (context.measureText(name).width + 10 < width) {
        context.globalAlpha = 1;
        context.fillStyle = this.theme().soft;
        context.fillText(name, left + 5, size.height - 8);
      }
    }
    context.globalAlpha = 1;
  }

  drawTrades(context, size, visible, spacing) {
    const { up, down } = this.theme();
    context.lineWidth = 2;
    for (const { from, to, entry, exit, won } of this.trades) {
      if (to < visible.from || from > visible.to) continue;
      const top = this.series.priceToCoordinate(entry);
      const end = this.series.priceToCoordinate(exit);
      if (top === null || end === null) continue;
      context.strokeStyle = won ? up : down;
      context.setLineDash(won ? [] : [5, 4]);
      context.beginPath();
      context.moveTo(this.edge(from, spacing) + spacing / 2, top);
      context.lineTo(this.edge(to, spacing) + spacing / 2, end);
      context.stroke();
    }
    context.setLineDash([]);
  }
}
