/** The parts of the library that are used when the program runs; by themselves, so that a bundler can drop the rest. */
export { KubeConfig, loadYaml } from '@kubernetes/client-node';
