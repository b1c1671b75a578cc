/** The one part of the library that is used when the program runs; by itself, so that a bundler can drop the rest. */
export { KubeConfig } from '@kubernetes/client-node';
