/** The state machine of the template is the one that local mode runs, letter for letter. */
import asl from 'asl-validator';
import { expect, it } from 'vitest';
import { workflowDefinition } from '../../functions/approvals/workflow.ts';
import { checkWorkflow } from '../../lib/validate_workflow.ts';
import { flatten, lineOf, resourcesOf, synthesize } from './support/synth.ts';

it('the template holds workflowDefinition(...), which is sound', () => {
  const app = synthesize();
  const [machine, ...others] = resourcesOf(app, 'AWS::StepFunctions::StateMachine');
  expect(others).toEqual([]);
  const { control } = app.gateway;
  const functionArn = lineOf(control, control.approvals.steps.function.functionArn, app);
  const synthesized: unknown = JSON.parse(
    flatten(machine?.Properties['DefinitionString'], app.templates),
  );
  expect(synthesized).toEqual(workflowDefinition({ functionArn }));
  expect(checkWorkflow(synthesized)).toEqual([]);
  const { isValid, errorsText } = asl(synthesized);
  expect(errorsText('\n')).toBe('');
  expect(isValid).toBe(true);
});
