"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const lib = window.LightweightCharts;
  const CANDLES_WITH_WORDS = 160;
  const MARKS_AT_ONCE = 200;
  const DASHES = [[], [6, 4], [2, 3], [10, 4], [10, 3, 2, 3]];
  const STYLES = [lib.LineStyle.Solid, lib.LineStyle.Dashed, lib.LineStyle.Dotted, lib.LineStyle.LargeDashed,
    lib.LineStyle.SparseDotted];
  const repaints = [];

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue("--" + name).trim();
    return {
      card: color("card"), soft: color("soft"), grid: color("grid"), line: color("line"), up: color("up"),
      down: color("down"), ink: color("ink"), page: color("page"),
      series: [0, 1, 2, 3, 4].map((place) => color("s" + place)), still: color("s5"),
      regimes: [0, 1, 2, 3, 4].map((code) => color("r" + code)),
    };
  };

  const column = (text, Kind) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Kind(bytes.buffer);
  };
  const points = (time, values) => Array.from(time, (at, index) =>
    Number.isFinite(values[index]) ? { time: at, value: values[index] } : { time: at });
  const moment = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const plain = (digits) => (value) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const percent = (value) => value.toFixed(1) + " %";
  const priced = (digits) => ({
    type: "custom", formatter: plain(digits), minMove: Number((10 ** -digits).toFixed(digits)) });

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  const stroke = (color, dash) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 26 12");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", "M0 6H26");
    path.setAttribute("stroke-width", "2");
    path.setAttribute("stroke-dasharray", dash.join(" "));
    path.style.stroke = color;
    svg.append(path);
    return svg;
  };

  const look = () => {
    const { card, soft, grid, line } = theme();
    return {
      layout: { background: { color: card }, textColor: soft, panes: { separatorColor: line } },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    };
  };

  const createChart = (figure, length, extra) => {
    const holder = figure.querySelector(".canvas");
    const chart = lib.createChart(holder, {
      autoSize: true,
      ...look(),
      localization: { timeFormatter: moment },
      crosshair: { mode: lib.CrosshairMode.Normal },
      // A finger that goes up or down scrolls the page.
      handleScroll: { vertTouchDrag: false },
    });
    // Set apart from the look, for a chart's options are merged only one by one.
    chart.applyOptions({ timeScale: { minBarSpacing: 0.001, timeVisible: true, rightOffset: 2, ...extra } });
    holder.querySelector("table").setAttribute("role", "presentation");
    steer(figure, holder, chart, length);
    return chart;
  };

  const steer = (figure, holder, chart, length) => {
    const scale = chart.timeScale();
    const zoom = (factor) => {
      const range = scale.getVisibleLogicalRange();
      const middle = (range.from + range.to) / 2;
      const half = Math.max((range.to - range.from) / 2 * factor, 2);
      scale.setVisibleLogicalRange({ from: middle - half, to: middle + half });
    };
    const move = (share) => {
      const range = scale.getVisibleLogicalRange();
      const by = (range.to - range.from) * share;
      scale.setVisibleLogicalRange({ from: range.from + by, to: range.to + by });
    };
    const deeds = {
      left: () => move(-0.4), right: () => move(0.4), in: () => zoom(0.6), out: () => zoom(1 / 0.6),
      all: () => scale.setVisibleLogicalRange({ from: -0.5, to: length() - 0.5 }),
    };
    const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", Home: "all" };
    for (const [name, deed] of Object.entries(deeds)) {
      figure.querySelector(`[data-do=${name}]`).addEventListener("click", deed);
    }
    holder.addEventListener("keydown", (event) => {
      if (event.target !== holder || !(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      deeds[keys[event.key]]();
    });
  };

  const readouts = (figure, chart, times, words, inView) => {
    const readout = figure.querySelector(".readout");
    const range = () => {
      const visible = chart.timeScale().getVisibleLogicalRange();
      const all = times();
      if (!visible || !all.length) return;
      const within = (index) => all[Math.min(Math.max(index, 0), all.length - 1)];
      readout.textContent =
        `Shown: ${moment(within(Math.ceil(visible.from)))} to ${moment(within(Math.floor(visible.to)))} UTC` +
        inView(visible);
    };
    chart.timeScale().subscribeVisibleLogicalRangeChange(range);
    chart.subscribeCrosshairMove(({ time, logical }) => {
      const index = time === undefined ? undefined : Math.round(logical);
      if (index === undefined || index < 0 || index >= times().length) range();
      else readout.textContent = `${moment(times()[index])} UTC: ${words(index)}`;
    });
  };

  const drawAccount = (figure) => {
    const account = data.accounts[Number(figure.dataset.account)];
    const time = column(account.time, Uint32Array);
    const chart = createChart(figure, () => time.length, { rightOffset: 0 });
    const still = { name: "Doing nothing", equity: time.map(() => 0), drawdown: null };
    const lines = account.lines.map(({ name, equity, drawdown }) => ({
      name, equity: column(equity, Float64Array), drawdown: column(drawdown, Float64Array),
    }));
    still.equity = new Float64Array(time.length).fill(account.start);
    const common = { priceLineVisible: false, crosshairMarkerVisible: false, lastValueVisible: false };
    const drawn = [...lines, still].map((line, place) => {
      const dash = place % DASHES.length;
      const width = place === 0 ? 2 : 1;
      const equity = chart.addSeries(lib.LineSeries, { ...common, lastValueVisible: place === 0, lineWidth: width,
        lineStyle: STYLES[dash], priceFormat: priced(account.digits) });
      equity.setData(points(time, line.equity));
      const fall = line.drawdown && chart.addSeries(place === 0 ? lib.AreaSeries : lib.LineSeries,
        { ...common, lineWidth: width, lineStyle: STYLES[dash],
          priceFormat: { type: "custom", formatter: percent, minMove: 0.01 } }, 1);
      if (fall) fall.setData(points(time, line.drawdown));
      return { ...line, series: [equity, fall].filter(Boolean), fall: place === 0 ? fall : null, dash: DASHES[dash] };
    });
    drawn[0].series.forEach((series) => series.setSeriesOrder(drawn.length));
    chart.panes()[0].setStretchFactor(2.4);
    chart.panes()[1].setStretchFactor(1);
    const paint = () => {
      const { series, still: gray } = theme();
      const legend = figure.querySelector(".legend");
      legend.replaceChildren(...drawn.map((line, place) => {
        const color = line.drawdown ? series[place % series.length] : gray;
        line.series.forEach((one) => one.applyOptions({ color, lineColor: color }));
        if (line.fall) line.fall.applyOptions({ topColor: color + "05", bottomColor: color + "40", invertFilledArea: true });
        const button = element("button", { type: "button" }, stroke(color, line.dash), line.name);
        button.setAttribute("aria-pressed", String(line.series[0].options().visible));
        button.addEventListener("click", () => {
          const visible = !line.series[0].options().visible;
          line.series.forEach((one) => one.applyOptions({ visible }));
          button.setAttribute("aria-pressed", String(visible));
        });
        return button;
      }));
    };
    paint();
    repaints.push(() => { chart.applyOptions(look()); paint(); });
    const money = plain(account.digits);
    readouts(figure, chart, () => time, (index) => drawn.map((line) =>
      `${line.name} ${money(line.equity[index])}` +
      (line.drawdown ? ` (${percent(line.drawdown[index])})` : "")).join(", "), () => "");
    const logarithmic = figure.querySelector("[data-do=logarithmic]");
    logarithmic.addEventListener("click", () => {
      const on = logarithmic.getAttribute("aria-pressed") !== "true";
      logarithmic.setAttribute("aria-pressed", String(on));
      chart.priceScale("right", 0).applyOptions({
        mode: on ? lib.PriceScaleMode.Logarithmic : lib.PriceScaleMode.Normal });
    });
    chart.timeScale().setVisibleLogicalRange({ from: -0.5, to: time.length - 0.5 });
  };

  const unpack = (symbol) => {
    const kinds = { time: Uint32Array, open: Float32Array, high: Float32Array, low: Float32Array,
      close: Float32Array, regime: Int8Array };
    return Object.fromEntries(Object.entries(kinds).map(([name, Kind]) => [name, column(symbol[name], Kind)]));
  };

  const runsOf = (codes) => {
    const runs = [];
    codes.forEach((code, index) => {
      const last = runs[runs.length - 1];
      if (last && last.code === code) last.to = index + 1;
      else runs.push({ from: index, to: index + 1, code });
    });
    return runs.filter(({ code }) => code >= 0);
  };

  const drawCandles = (figure) => {
    const select = figure.querySelector("select");
    let symbol, columns, series, marks, current, detail;
    const chart = createChart(figure, () => columns.time.length, {});

    const marksShown = (range) => {
      if (!range || symbol.marks.filter(({ at }) => range.from <= at && at <= range.to).length > MARKS_AT_ONCE) return 0;
      return range.to - range.from <= CANDLES_WITH_WORDS ? 2 : 1;
    };

    const paintMarks = () => {
      const level = marksShown(chart.timeScale().getVisibleLogicalRange());
      if (level === detail) return;
      detail = level;
      const { up, down, series: [entry] } = theme();
      const shapes = { entry: "arrowUp", exit: "arrowDown", stop: "square", target: "circle" };
      const colors = { entry, exit: entry, stop: down, target: up };
      marks.setMarkers(level === 0 ? [] : symbol.marks.map(({ at, side, word }) => ({
        time: columns.time[at],
        position: side === "buy" ? "belowBar" : "aboveBar",
        shape: shapes[word],
        color: colors[word],
        text: level === 2 ? word : "",
        size: level === 2 ? 1 : 0.6,
      })));
    };

    const paint = () => {
      const { up, down, card, regimes } = theme();
      chart.applyOptions(look());
      // A rising candle is hollow, so that colour is not its only sign.
      series.applyOptions({ upColor: card, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up,
        wickDownColor: down });
      detail = undefined;
      paintMarks();
      figure.querySelector(".legend").replaceChildren(
        ...["▲ entry", "▼ exit", "■ stop", "● target"].map((word) => element("span", {}, word)),
        element("span", {}, stroke(up, []), "gained"),
        element("span", {}, stroke(down, [5, 4]), "lost"),
        ...data.regimes.map((name, code) => {
          const box = element("i");
          box.style.background = regimes[code];
          return element("span", {}, box, name);
        }));
    };

    const around = (from, to) => {
      const margin = Math.max(30, (to - from) * 0.6);
      chart.timeScale().setVisibleLogicalRange({ from: from - margin, to: to + margin });
    };

    const show = (place) => {
      if (place === current) return;
      current = place;
      symbol = data.symbols[place];
      columns = unpack(symbol);
      marks = undefined;
      if (series) chart.removeSeries(series);
      series = chart.addSeries(lib.CandlestickSeries, { priceLineVisible: false, priceFormat: priced(symbol.digits) });
      series.setData(Array.from(columns.time, (time, index) => ({ time, open: columns.open[index],
        high: columns.high[index], low: columns.low[index], close: columns.close[index] })));
      chart.applyOptions({ timeScale: { timeVisible: symbol.intraday } });
      series.attachPrimitive(new TradesAndRegimes(runsOf(columns.regime), symbol.trades, data.regimes, theme));
      marks = lib.createSeriesMarkers(series, []);
      paint();
      const length = columns.time.length;
      chart.timeScale().setVisibleLogicalRange({ from: Math.max(length - 240, -0.5), to: length + 1 });
      step.disabled = back.disabled = symbol.trades.length === 0;
    };

    const go = (by) => {
      const range = chart.timeScale().getVisibleLogicalRange();
      const middle = (range.from + range.to) / 2;
      // A trade that was gone to stands in the middle.
      const away = ({ from, to }) => ((from + to) / 2 - middle) * by;
      const [nearest] = symbol.trades.filter((trade) => away(trade) > 0.01).sort((one, two) => away(one) - away(two));
      if (nearest) around(nearest.from, nearest.to);
    };

    const step = figure.querySelector("[data-do=next]");
    const back = figure.querySelector("[data-do=previous]");
    step.addEventListener("click", () => go(1));
    back.addEventListener("click", () => go(-1));
    select.addEventListener("change", () => show(Number(select.value)));
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => marks && paintMarks());
    readouts(figure, chart, () => columns.time, (index) => {
      const money = plain(symbol.digits);
      const prices = ["open", "high", "low", "close"].map((name) => `${name} ${money(columns[name][index])}`);
      const trades = symbol.trades.filter(({ from, to }) => from <= index && index <= to).map(({ words }) => words);
      const regime = data.regimes[columns.regime[index]] || "regime not known yet";
      const marks = symbol.marks.filter(({ at }) => at === index).map(({ word, price }) => `${word} at ${money(price)}`);
      return [prices.join(", "), regime, ...marks, ...trades].join("; ");
    }, (range) => {
      const trades = symbol.trades.filter(({ from, to }) => to >= range.from && from <= range.to);
      if (trades.length === 1) return `; one trade: ${trades[0].words}`;
      return `; ${trades.length} trades` + (marksShown(range) === 0 ? ", zoom in for their marks" : "");
    });
    show(Number(select.value));
    repaints.push(paint);

    const indexOf = (atMs) => {
      const later = columns.time.findIndex((time) => time * 1000 > atMs);
      return Math.max((later < 0 ? columns.time.length : later) - 1, 0);
    };
    document.addEventListener("click", ({ target }) => {
      const button = target.closest("button[data-symbol]");
      if (!button) return;
      select.value = button.dataset.symbol;
      show(Number(button.dataset.symbol));
      around(indexOf(Number(button.dataset.from)), indexOf(Number(button.dataset.to)));
      figure.scrollIntoView({ block: "start" });
      figure.querySelector(".canvas").focus({ preventScroll: true });
    });
  };

  document.querySelectorAll("figure[data-account]").forEach(drawAccount);
  document.querySelectorAll("figure[data-candles]").forEach(drawCandles);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaints.forEach((repaint) => repaint()));
})();
