/** What a fine-tune did to a model, measured and shown: losses, a sheet of pictures, a page. */

export { type DenoisingLossOptions, denoisingLosses } from './denoising-loss.js';
export { compareEstimates, type Estimate, estimate } from './estimate.js';
export { percentChange, withError } from './format.js';
export { reportPage } from './page.js';
export type { Block, Comparison, CurvePoint, Fact, LossComparison, Report } from './report.js';
export { beforeAfterSheet } from './sheet.js';
