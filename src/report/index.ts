/** What a fine-tune did to a model, measured and shown: losses, a sheet of pictures, charts, a page. */

export { distinctSorted } from './charts/axis.js';
export type { Chart, Quantity } from './charts/chart.js';
export { type Dot, dotChart } from './charts/dot-chart.js';
export { bestPlaces } from './charts/heat-lines.js';
export { heatMap, type SettingValue } from './charts/heat-map.js';
export { type Level, type LineSeries, lineChart } from './charts/line-chart.js';
export { lossChart } from './charts/loss-chart.js';
export { plain } from './charts/numbers.js';
export { type ScatterSeries, scatterChart } from './charts/scatter-chart.js';
export { standaloneSvg } from './charts/standalone.js';
export { type DenoisingLossOptions, denoisingLosses } from './denoising-loss.js';
export { compareEstimates, type Estimate, estimate } from './estimate.js';
export { percentChange, withError } from './format.js';
export { reportPage } from './page.js';
export type { Block, Comparison, CurvePoint, Fact, LossComparison, Report } from './report.js';
export { beforeAfterSheet } from './sheet.js';
