import { agentCommand } from '../../src/cli/agent.ts';

// The program that agent-process.test.ts starts.
await agentCommand().parseAsync();
