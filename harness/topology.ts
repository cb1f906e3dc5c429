/** The fleet as the program sees it, for those who may not import the program. */
export { loadTopology, PROJECT_FOLDER } from "../stacks/topology";
export { planFleet } from "../plan/plan";
