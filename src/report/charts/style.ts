/** The charts' style sheet, and the colours of the page around them. */

export const LIGHT = {
  page: '#fbfaf7',
  text: '#22262b',
  quiet: '#5c636b',
  line: '#dcd9d1',
  panel: '#fff',
  accent: '#b4491f',
} as const;

export const CHART_STYLE = `
.chart { font: 12px system-ui, sans-serif; }
.chart text { fill: var(--quiet); font-variant-numeric: tabular-nums; }
.chart .strong { fill: var(--text); font-weight: 600; }
.chart .plain { fill: var(--text); }
.chart .grid { stroke: var(--line); }
.chart .raw { fill: none; stroke: var(--quiet); stroke-opacity: .35; stroke-width: 1; }
.chart .smooth { fill: none; stroke: var(--accent); stroke-width: 2.5; stroke-linejoin: round; }
.chart .error { stroke: var(--text); stroke-width: 1.5; }
.chart .zero { stroke: var(--quiet); }
.chart .dot { fill: var(--accent); }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .thin { fill: none; stroke-width: 1.25; stroke-opacity: .55; }
.chart .bar { stroke-width: 1.5; stroke-opacity: .75; }
.chart .level { stroke-width: 1.75; }
.chart .band { fill-opacity: .1; }
.chart .marker { stroke: var(--panel); stroke-width: 1; }
.chart .cross { fill: none; stroke-width: 2; }
.chart .curve { fill: none; stroke: var(--text); stroke-width: 2; stroke-dasharray: 2 4; stroke-linecap: round; }
.chart .size { fill: none; stroke: var(--quiet); stroke-width: 1.25; }
.chart .row { fill: var(--line); fill-opacity: .35; }
.chart .none { fill: var(--line); fill-opacity: .5; }
.chart .hatch { fill: none; stroke: var(--quiet); stroke-opacity: .5; }
.chart .best { fill: none; stroke: #22262b; stroke-width: 2.5; }
.chart .stop { fill: #22262b; stroke: #fff; stroke-width: 1.5; }
.chart .fit { fill: none; stroke: #22262b; stroke-width: 2; stroke-dasharray: 2 4; stroke-linecap: round; }
.chart .trace { fill: none; stroke: #22262b; stroke-width: 1.75; stroke-linejoin: round; }
.chart .value { paint-order: stroke; stroke-width: 3px; stroke-linejoin: round; }
.chart .over-hatch { paint-order: stroke; stroke: var(--panel); stroke-width: 5px; }
.chart .seam { fill: none; stroke: #fff; stroke-width: 5; stroke-opacity: .85; stroke-linejoin: round; stroke-linecap: round; }
.chart text.on-light { fill: #22262b; }
.chart text.on-dark { fill: #fff; }
.chart .small { font-size: 10.5px; }
`;
