/** Everything that can be said about a training run: names, limits, defaults and help of its settings. */
import { z } from 'zod';
import { SCORES } from '../peft/fishmask/score.js';
import { TARGET_SETS } from '../peft/lora/targets.js';
import { METHOD_NAMES } from '../peft/method-names.js';
import { CAPTION_KINDS } from './data/templates.js';
import { modelSettings } from './model-settings.js';
import { runtimeSettings } from './runtime-settings.js';
import { SCHEDULES } from './schedule.js';
import { count, flag, oneOf, real, realOrOff, stepOrSwitch, text, texts, whole } from './settings.js';

const positive = (value: number): boolean => value > 0;

export const trainSchema = z.strictObject({
  ...modelSettings,
  data: text('a folder of pictures').meta({ argument: '<folder>', help: 'pictures with captions' }),
  out: text('a folder').optional().meta({
    argument: '<folder>',
    help: 'run folder; runs/<name of the data> unless given',
    incidental: true,
  }),
  overwrite: flag().default(false).meta({ help: 'empty the run folder and start anew', incidental: true }),

  method: oneOf(METHOD_NAMES)
    .default('sara')
    .meta({ argument: '<name>', help: `${METHOD_NAMES.join(', ')}; see sara methods` }),
  params: count().optional().meta({
    argument: '<n>',
    help: 'train this many weights, such as 5M, by threshold, rank or width, as nearly as can be',
    option: 'targetParameters',
  }),
  threshold: real('a number above 0', positive).optional().meta({
    argument: '<θ>',
    help: 'sara: train weights with |w| < θ; 2e-3 unless --params is given',
    option: 'threshold',
  }),
  lambdaRank: real('a number of at least 0', (value) => value >= 0)
    .default(5e-3)
    .meta({
      argument: '<λ>',
      help: 'sara: weight of the low-rank loss; 0 turns it off',
      option: 'lambdaRank',
    }),
  progressive: stepOrSwitch().default('on').meta({
    argument: '[step]',
    help: 'sara: choose anew among the trained weights at this step; on: half way; off',
    option: 'progressiveStep',
  }),
  searchSteps: whole(1).optional().meta({
    argument: '<n>',
    help: 'steps before training that find out what trains; fishmask: 1024 pictures; lt-sft, diffpruning: as many as --steps',
    option: 'searchSteps',
  }),
  searchLearningRate: real('a number above 0', positive).optional().meta({
    argument: '<rate>',
    help: 'rate of the search; lt-sft: that of training, diffpruning: 1e-5 unless given',
    option: 'searchLearningRate',
  }),
  score: oneOf(SCORES).optional().meta({
    argument: '<name>',
    help: 'fishmask: squared gradients add up to the score, or absolute ones; squared unless given',
    option: 'score',
  }),
  structured: flag().optional().meta({
    help: 'diffpruning: one more gate for each tensor',
    option: 'structured',
  }),
  gateLearningRate: real('a number above 0', positive).optional().meta({
    argument: '<rate>',
    help: 'diffpruning: rate of the gates; 0.1 unless given',
    option: 'gateLearningRate',
  }),
  gatePenalty: real('a number of at least 0', (value) => value >= 0)
    .optional()
    .meta({
      argument: '<λ>',
      help: 'diffpruning: weight of the number of open gates; 42 / number of weights unless given',
      option: 'gatePenalty',
    }),
  rank: whole(1).optional().meta({
    argument: '<r>',
    help: 'lora, dora: rank of every layer; 16 unless --params is given',
    option: 'rank',
  }),
  alpha: real('a number above 0', positive).optional().meta({
    argument: '<α>',
    help: 'lora, dora: what is learned counts α/r times; the rank unless given',
    option: 'alpha',
  }),
  targetModules: texts()
    .optional()
    .meta({
      argument: '<name>',
      help: `lora, dora: ${Object.keys(TARGET_SETS).join(', ')}, or endings of layers' names; repeatable`,
      repeatable: true,
      option: 'targetModules',
    }),
  width: whole(1).optional().meta({
    argument: '<d>',
    help: 'adaptformer: width of every bottleneck; 64 unless --params is given',
    option: 'width',
  }),
  trainOnly: texts().default([]).meta({
    argument: '<pattern>',
    help: 'weights that may train: "*attn2*" or "/regular expression/" over their keys; repeatable',
    repeatable: true,
  }),

  steps: whole(1).default(1000).meta({ argument: '<n>', help: 'training steps' }),
  batch: whole(1).default(4).meta({ argument: '<n>', help: 'pictures at once' }),
  accumulate: whole(1).default(1).meta({ argument: '<n>', help: 'batches averaged for one step' }),
  learningRate: real('a number above 0', positive).optional().meta({
    argument: '<rate>',
    help: '1e-3·exp(−350 θ) for sara, 5e-5 for diffpruning, 1e-4 for others unless given',
  }),
  schedule: oneOf(SCHEDULES)
    .default('cosine')
    .meta({ argument: '<name>', help: 'course of the learning rate: cosine or constant' }),
  warmup: whole(0).default(0).meta({ argument: '<steps>', help: 'steps until the full learning rate' }),
  weightDecay: real('a number of at least 0', (value) => value >= 0)
    .optional()
    .meta({
      argument: '<λ>',
      help: "AdamW's weight decay of the trained weights; 0 for diffpruning, 1e-2 for others unless given",
    }),
  maxGradientNorm: realOrOff('a number above 0', positive)
    .default(1)
    .meta({ argument: '<norm>', help: 'scale larger gradients down to this norm; off' }),
  minSnrGamma: realOrOff('a number above 0', positive)
    .default('off')
    .meta({ argument: '<γ>', help: 'min-SNR weighting of the loss, such as 5' }),
  ema: realOrOff('a decay between 0 and 1, such as 0.999', (value) => value > 0 && value < 1)
    .default('off')
    .meta({ argument: '<decay>', help: 'keep a moving average of the weights as the result' }),
  seed: whole(0).default(0).meta({ argument: '<n>', help: 'same seed, machine and threads: same result' }),

  token: text()
    .optional()
    .meta({ argument: '<text>', help: 'textual-inversion: the token to learn, such as "<my-cat>"' }),
  initWord: text()
    .optional()
    .meta({ argument: '<word>', help: 'textual-inversion: the word it begins as, such as cat' }),
  vectors: whole(1).default(1).meta({
    argument: '<n>',
    help: 'textual-inversion: rows of the text encoder that the token stands for',
    option: 'vectors',
  }),
  tokenCaptions: oneOf(CAPTION_KINDS).default('object').meta({
    argument: '<kind>',
    help: 'textual-inversion: "a photo of a …" (object), "a painting in the style of …" (style), or the pictures\' own',
    beside: 'token',
  }),
  instancePrompt: text()
    .optional()
    .meta({ argument: '<text>', help: 'caption of every picture, such as "a photo of sks cat"' }),
  classPrompt: text()
    .optional()
    .meta({ argument: '<text>', help: 'keep what the model draws for this, such as "a photo of a cat"' }),
  classData: text('a folder').optional().meta({
    argument: '<folder>',
    help: 'pictures for the class prompt; those missing are drawn before training',
  }),
  classImages: whole(1)
    .default(200)
    .meta({ argument: '<n>', help: 'number of class pictures', beside: 'classPrompt' }),
  priorWeight: real('a number of at least 0', (value) => value >= 0)
    .default(1)
    .meta({ argument: '<λ>', help: 'weight of the loss on class pictures', beside: 'classPrompt' }),

  prefix: z.string('expected a text').default('').meta({ argument: '<text>', help: 'put before captions' }),
  suffix: z.string('expected a text').default('').meta({ argument: '<text>', help: 'put after captions' }),
  size: whole(8)
    .optional()
    .meta({ argument: '<pixels>', help: "side of the training pictures; the model's own unless given" }),
  crop: oneOf(['centre', 'random'])
    .default('centre')
    .meta({ argument: '<where>', help: 'cut of pictures that are not square: centre or random' }),
  flip: flag().default(false).meta({ help: 'mirror every other picture at random' }),
  captionDropout: real('a share from 0 to 1', (value) => value >= 0 && value <= 1)
    .default(0)
    .meta({ argument: '<share>', help: 'part of captions left empty, for guidance' }),
  skipBroken: flag().default(false).meta({ help: 'leave out pictures that cannot be read' }),

  samplePrompt: texts().default([]).meta({
    argument: '<text>',
    help: 'draw this now and then; repeatable',
    repeatable: true,
  }),
  samplePrompts: text('a file').optional().meta({ argument: '<file>', help: 'prompts to draw, a line each' }),
  sampleEvery: whole(1).default(100).meta({ argument: '<steps>', help: 'steps between samples' }),
  sampleSteps: whole(1).default(20).meta({ argument: '<n>', help: 'sampler steps of a sample' }),
  sampleGuidance: real('a number', Number.isFinite)
    .default(5)
    .meta({ argument: '<scale>', help: 'classifier-free guidance of samples' }),

  checkpointEvery: whole(1).default(100).meta({ argument: '<steps>', help: 'steps between checkpoints' }),
  gradientCheckpointing: flag().default(false).meta({ help: 'less memory for more time' }),
  weightDtype: oneOf(['float32', 'float16']).default('float32').meta({
    argument: '<type>',
    help: 'keep weights in float32, or those of a float16 model in half the memory',
  }),
  cache: text('a folder')
    .optional()
    .meta({ argument: '<folder>', help: 'keep encoded pictures and captions here', incidental: true }),
  ...runtimeSettings,
});

export type TrainConfig = z.output<typeof trainSchema>;
export type TrainInput = z.input<typeof trainSchema>;
