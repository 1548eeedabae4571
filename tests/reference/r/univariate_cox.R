# One Cox model a column: Wald, likelihood ratio and score tests, concordance.
.column <- function(x, y, ties) {
  fit <- coxph(y ~ x, ties = ties,
               control = coxph.control(eps = 1e-12, iter.max = 100, toler.chol = 1e-14))
  z <- unname(coef(fit)) / sqrt(fit$var[1])
  lr <- 2 * diff(fit$loglik)
  c(coef = unname(coef(fit)), se = sqrt(fit$var[1]), z = z, p_wald = 2 * pnorm(-abs(z)),
    lr_chisq = lr, p_lr = pchisq(lr, 1, lower.tail = FALSE), score_chisq = fit$score,
    p_score = pchisq(fit$score, 1, lower.tail = FALSE), loglik = fit$loglik[2],
    concordance = unname(fit$concordance["concordance"]), null = fit$loglik[1])
}

.scan <- function(asked, data, columns) {
  y <- Surv(data[[asked$time]], data$event)
  found <- sapply(columns, function(name) .column(data[[name]], y, asked$ties))
  numbers <- lapply(split(found, rownames(found)[row(found)]), function(v) as.list(unname(v)))
  shown <- c("coef", "se", "z", "p_wald", "lr_chisq", "p_lr", "score_chisq", "p_score", "loglik",
             "concordance")
  c(list(time = asked$time, ties = asked$ties), numbers[shown],
    list(n_p_wald_lt_005 = sum(found["p_wald", ] < 0.05), loglik_null = unname(found["null", 1])))
}

answer <- function(folder, set, asked) {
  data <- read.csv(file.path(folder, asked$input), check.names = FALSE)
  list(dataset = set, input = asked$input, quantity = "univariate_cox", meta = versions("survival"),
       columns = asked$columns,
       scans = lapply(asked$scans, .scan, data = data, columns = unlist(asked$columns)))
}
